//! Text as applications send it: records in JSON, drawn from a fixed seed.

/// Bytes after which the text repeats: farther away than any window reaches.
const PERIOD: usize = 128 << 10;

const SEED: u64 = 0x5EED_0F13_57A7_E50C;

const USERS: &str =
    "anna ben carla david elena felix greta hugo ines jonas karin leo maria nils olga paul rita simon tara uwe";

/// The first ones are drawn most often.
const WORDS: &str = "the of and to in is you that it he was for on are as with his they at be this have from or one had by word but \
    not what all were we when your can said there use an each which she do how their if will up other about out many \
    then them these so some her";

/// A periodic stream of texts of one length.
pub struct Stream {
    len: usize,
    count: usize,
    /// Two periods, so that what precedes a text is in one piece.
    text: Vec<u8>,
}

impl Stream {
    /// # Panics
    /// `len` is 0.
    #[must_use]
    pub fn new(len: usize) -> Self {
        let (count, mut random, mut id) = (PERIOD.div_ceil(len), Random(SEED), 1_000);
        let mut text = Vec::with_capacity(2 * count * len);
        for _ in 0..count {
            let mut records = Vec::with_capacity(len + 200);
            while records.len() < len {
                id += 1;
                records.extend(record(id, &mut random).bytes());
            }
            text.extend(&records[..len]);
        }
        text.extend_from_within(..);
        Self { len, count, text }
    }

    /// The length of each text.
    #[must_use]
    pub const fn text_len(&self) -> usize {
        self.len
    }

    /// The number of texts in a period.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// The `nth` text.
    #[must_use]
    pub fn text(&self, nth: usize) -> &[u8] {
        &self.text[nth % self.count * self.len..][..self.len]
    }

    /// The last `len` bytes before the `nth` text; at most a period.
    #[must_use]
    pub fn before(&self, nth: usize, len: usize) -> &[u8] {
        let end = (nth % self.count + self.count) * self.len;
        &self.text[end - len..end]
    }
}

fn record(id: usize, random: &mut Random) -> String {
    let users: Vec<_> = USERS.split_whitespace().collect();
    let words: Vec<_> = WORDS.split_whitespace().collect();
    let user = users[random.below(users.len())];
    let word = |random: &mut Random| words[random.below(words.len()) * random.below(words.len()) / words.len()];
    let text: Vec<_> = (0..4 + random.below(9)).map(|_| word(random)).collect();
    format!(r#"{{"id":{id},"user":"{user}","text":"{}"}},"#, text.join(" "))
}

/// xorshift64*, which is random enough for text.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % end
    }
}
