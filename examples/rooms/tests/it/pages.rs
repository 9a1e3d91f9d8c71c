//! What is served beside the WebSockets.

use crate::support::{Member, two};

#[test]
fn the_page_is_that_of_any_room_and_health_is_another() {
    let (broker, mut a, _) = two();
    for path in ["/", "/lobby", "/caf%C3%A9"] {
        let page = a.server.get(path).expect("an answer");
        assert_eq!(page.status.as_u16(), 200, "{path}");
        assert!(page.body.starts_with(b"<!doctype html>"), "{path}");
    }
    broker.die();
    a.settle();
    let health = a.server.get("/health").expect("an answer");
    assert_eq!((health.status.as_u16(), &*health.body), (200, &b"ok\n"[..]), "a lost broker is no fault of a process");
    let metrics = a.server.get("/metrics").expect("an answer");
    assert!(metrics.body.starts_with(b"# HELP "), "{metrics:?}");
    assert_eq!(a.server.get("/a/b").map(|response| response.status.as_u16()), Some(404));
}

#[test]
fn a_process_that_has_no_broker_yet_has_members() {
    let (broker, _, _) = two();
    broker.die();
    let mut late = crate::support::Process::new(&broker, crate::support::SETTINGS);
    late.settle();
    let mut anna = Member::join(&mut late, "1", "anna", None);
    late.settle();
    assert!(!anna.has_joined());
    assert_eq!(anna.news.len(), 1, "it learns why: {:?}", anna.news);
    broker.revive();
    late.settle();
    assert!(anna.has_joined());
}
