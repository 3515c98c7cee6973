//! The name that was probably meant.

/// Returns the candidate that needs the fewest edits to become `name`, if they
/// are few for its length. Upper and lower case are the same.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let name: Vec<char> = name.to_lowercase().chars().collect();
    let most = name.len().max(3) / 3;
    candidates
        .into_iter()
        .map(|candidate| {
            let letters: Vec<char> = candidate.to_lowercase().chars().collect();
            (edits(&name, &letters), candidate)
        })
        .filter(|(edits, _)| *edits <= most)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Returns how many letters must be inserted, removed, replaced or exchanged
/// with their neighbour to make `b` from `a`.
fn edits(a: &[char], b: &[char]) -> usize {
    // The rows of the table for the last two letters of `a`, and for this one.
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(x != y);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edits_between(a: &str, b: &str) -> usize {
        let letters = |text: &str| text.chars().collect::<Vec<_>>();
        edits(&letters(a), &letters(b))
    }

    #[test]
    fn each_kind_of_edit_counts_as_one() {
        assert_eq!(edits_between("interval", "interval"), 0);
        assert_eq!(edits_between("intervall", "interval"), 1);
        assert_eq!(edits_between("inteval", "interval"), 1);
        assert_eq!(edits_between("intorval", "interval"), 1);
        assert_eq!(edits_between("intevral", "interval"), 1);
        assert_eq!(edits_between("", "url"), 3);
        assert_eq!(edits_between("url", ""), 3);
        assert_eq!(edits_between("kitten", "sitting"), 3);
    }

    #[test]
    fn the_nearest_name_is_found_unless_all_are_far_away() {
        let names = ["url", "interval", "batchSize"];

        assert_eq!(nearest("intervall", names), Some("interval"));
        assert_eq!(nearest("batch_size", names), Some("batchSize"));
        assert_eq!(nearest("BATCHSIZE", names), Some("batchSize"));
        assert_eq!(nearest("ulr", names), Some("url"));
        assert_eq!(nearest("topic", names), None);
        assert_eq!(nearest("x", names), None);
    }
}
