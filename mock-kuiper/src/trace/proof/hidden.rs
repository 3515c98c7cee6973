//! The lines whose proofs are left out: one bit for each line.

/// Numbers of lines.
#[derive(Debug, Default)]
pub(super) struct Hidden(Vec<u64>);

impl Hidden {
    pub(super) fn add(&mut self, number: u64) {
        let (word, bit) = place(number);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= bit;
    }

    pub(super) fn has(&self, number: u64) -> bool {
        let (word, bit) = place(number);
        self.0.get(word).is_some_and(|bits| bits & bit != 0)
    }
}

fn place(number: u64) -> (usize, u64) {
    ((number / 64) as usize, 1 << (number % 64))
}
