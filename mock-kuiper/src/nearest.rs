//! The known word that is nearest to a mistyped one.

/// Returns the word that `typed` was probably meant to be: at most a third of
/// its characters are mistyped, or it is the beginning of the word.
#[must_use]
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = typed.chars().count();
    let limit = (length / 3).max(1);
    known
        .into_iter()
        .filter_map(|word| {
            let begins = length >= 3 && word.starts_with(typed) && word != typed;
            let distance = if begins { 1 } else { distance(typed, word) };
            (distance <= limit).then_some((distance, word))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Counts the characters that are to be added, removed, replaced, or swapped
/// with their neighbour.
fn distance(typed: &str, word: &str) -> usize {
    let typed: Vec<char> = typed.chars().collect();
    let word: Vec<char> = word.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=word.len()).collect();
    for (row, character) in typed.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in word.iter().enumerate() {
            let replaced = last[column] + usize::from(character != other);
            let mut least = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            let is_swapped =
                row > 0 && column > 0 && typed[row - 1] == *other && word[column - 1] == *character;
            if is_swapped {
                least = least.min(before[column - 1] + 1);
            }
            current.push(least);
        }
        before = std::mem::replace(&mut last, current);
    }
    last[word.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 4] = ["$regex", "$contains", "$gt", "$gte"];

    #[test]
    fn the_nearest_word_has_the_fewest_changes() {
        assert_eq!(nearest("$regexp", WORDS), Some("$regex"));
        assert_eq!(nearest("$ergex", WORDS), Some("$regex"));
        assert_eq!(nearest("$contain", WORDS), Some("$contains"));
        assert_eq!(nearest("$gtee", WORDS), Some("$gte"));
        assert_eq!(nearest("$con", WORDS), Some("$contains"));
        assert_eq!(nearest("$gte", WORDS), Some("$gte"));
        assert_eq!(nearest("$gte", ["$gta", "$gte"]), Some("$gte"));
    }

    #[test]
    fn a_word_like_none_has_no_nearest_one() {
        assert_eq!(nearest("$matches", WORDS), None);
        assert_eq!(nearest("", WORDS), None);
    }
}
