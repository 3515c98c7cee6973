//! How long a buffer keeps the memory of long messages.

/// The largest capacity in bytes that a buffer always keeps.
const ALWAYS: usize = 1024 * 1024;
/// The largest capacity in bytes that a buffer keeps while long messages come.
const MOST: usize = 8 * 1024 * 1024;
/// After how many short messages in a row a buffer gives up more than [`ALWAYS`].
const PATIENCE: u8 = 16;

/// Decides when a buffer for messages gives its memory back.
///
/// Fresh memory is expensive: the kernel fills each page with zeros when it is first
/// used, which takes longer than to send it. So a buffer keeps up to 8 MiB while
/// messages need a quarter of it now and then, and 1 MiB otherwise.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Keep {
    /// How many messages in a row were short.
    short: u8,
}

impl Keep {
    /// Creates the state of a buffer that has no memory yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { short: 0 }
    }

    /// Empties `buffer` after use; its content is the last message. Gives its memory
    /// back if that is too much for what comes.
    pub fn empty(&mut self, buffer: &mut Vec<u8>) {
        let capacity = buffer.capacity();
        if capacity > ALWAYS {
            self.short = match buffer.len() >= capacity / 4 {
                true => 0,
                false => self.short + 1,
            };
            if capacity > MOST || self.short == PATIENCE {
                self.short = 0;
                *buffer = Vec::new();
            }
        }
        buffer.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uses a buffer for messages of these lengths.
    fn use_for(keep: &mut Keep, buffer: &mut Vec<u8>, lengths: impl IntoIterator<Item = usize>) {
        for length in lengths {
            buffer.resize(length, 7);
            keep.empty(buffer);
            assert!(buffer.is_empty());
        }
    }

    #[test]
    fn memory_is_kept_while_long_messages_come() {
        let (mut keep, mut buffer) = (Keep::default(), Vec::new());

        for _ in 0..10 {
            use_for(&mut keep, &mut buffer, [3 * ALWAYS]);
            assert!(buffer.capacity() >= 3 * ALWAYS);
            use_for(&mut keep, &mut buffer, [1; 15]);
            assert!(buffer.capacity() >= 3 * ALWAYS);
        }
    }

    #[test]
    fn a_mebibyte_is_always_kept_and_eight_while_long_messages_come() {
        let mut keep = Keep::default();
        let mut buffer = Vec::with_capacity(1 << 20);
        use_for(&mut keep, &mut buffer, [1; 100]);
        assert_eq!(buffer.capacity(), 1 << 20);

        let mut buffer = Vec::with_capacity(8 << 20);
        use_for(&mut keep, &mut buffer, [8 << 20]);
        assert_eq!(buffer.capacity(), 8 << 20);
    }

    #[test]
    fn memory_is_given_back_after_many_short_messages() {
        let (mut keep, mut buffer) = (Keep::default(), Vec::new());
        use_for(&mut keep, &mut buffer, [3 * ALWAYS]);

        use_for(&mut keep, &mut buffer, [1; 16]);

        assert!(buffer.capacity() <= ALWAYS);
    }

    #[test]
    fn the_memory_of_a_huge_message_is_given_back_at_once() {
        let (mut keep, mut buffer) = (Keep::default(), Vec::new());

        use_for(&mut keep, &mut buffer, [MOST + 1]);

        assert_eq!(buffer.capacity(), 0);
    }
}
