//! What members may have heard.

use crate::member::{Heard, Record};
use statesocket_rooms::id::Id;
use std::collections::{HashMap, HashSet};

/// Checks that all have heard the same up to the last message, each message once, and all that was acknowledged.
pub fn check(members: &[Record], last: Id) -> Result<(), String> {
    let mut lists = members.iter().map(|member| (&member.name, up_to(&member.heard, last)));
    let (_, heard) = lists.next().ok_or("no members")?;
    if !heard.is_sorted_by(|a, b| a.id < b.id) {
        return Err("the messages are not in the order of their ids".to_owned());
    }
    if heard.last().map(|heard| heard.id) != Some(last) {
        return Err(format!("m0 has heard {} messages, and not the last one", heard.len()));
    }
    for (name, others) in lists {
        let place = heard.iter().zip(&others).position(|(a, b)| (a.id, &a.text) != (b.id, &b.text));
        if let Some(place) = place.or_else(|| (heard.len() != others.len()).then_some(heard.len().min(others.len()))) {
            let (a, b) = (heard.get(place), others.get(place));
            return Err(format!("at message {place} m0 has {a:?}, and {name} has {b:?}"));
        }
    }
    let mut texts = HashSet::new();
    if let Some(twice) = heard.iter().find(|heard| heard.name != "last" && !texts.insert(&heard.text)) {
        return Err(format!("{twice:?} was stored twice"));
    }
    let by_id: HashMap<_, _> = heard.iter().map(|heard| (heard.id, &heard.text)).collect();
    for member in members {
        if member.has_gap {
            return Err(format!("{} was told of a gap", member.name));
        }
        if let Some(lost) = member.acknowledged.iter().find(|(text, id)| by_id.get(id) != Some(&text)) {
            return Err(format!("{} was acknowledged {lost:?}, which nobody has heard", member.name));
        }
    }
    Ok(())
}

fn up_to(heard: &[Heard], last: Id) -> Vec<&Heard> {
    heard.iter().filter(|heard| heard.id <= last).collect()
}
