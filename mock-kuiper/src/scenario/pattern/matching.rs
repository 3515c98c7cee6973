//! The largest matching between two sets.

use std::collections::VecDeque;

/// Pairs the members of two sets, each with one of those that suit it, so that as
/// many as possible are paired. `suits[left]` lists what suits `left`; there are
/// `rights` on the other side. Returns the partner of each left member.
pub(super) fn pair(suits: &[Vec<usize>], rights: usize) -> Vec<Option<usize>> {
    let mut lefts = vec![None; suits.len()];
    let mut partners = vec![None; rights];
    for start in 0..suits.len() {
        let Some((end, came_from)) = free_partner(start, suits, &partners) else {
            continue;
        };
        // Along the path, each left member gives up its partner for the next.
        let mut next = Some(end);
        while let Some(right) = next {
            let left = came_from[right].unwrap_or(start);
            next = lefts[left].replace(right);
            partners[right] = Some(left);
        }
    }
    lefts
}

/// Searches the shortest path from a left member to a right one that is free.
/// Returns that one, and from where each right member was reached.
fn free_partner(
    start: usize,
    suits: &[Vec<usize>],
    partners: &[Option<usize>],
) -> Option<(usize, Vec<Option<usize>>)> {
    let mut came_from = vec![None; partners.len()];
    let mut queue = VecDeque::from([start]);
    while let Some(left) = queue.pop_front() {
        for &right in &suits[left] {
            if came_from[right].is_some() {
                continue;
            }
            came_from[right] = Some(left);
            match partners[right] {
                None => return Some((right, came_from)),
                Some(partner) => queue.push_back(partner),
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_choice_is_given_up_if_another_needs_it() {
        assert_eq!(pair(&[vec![0, 1], vec![0]], 2), [Some(1), Some(0)]);
        assert_eq!(
            pair(&[vec![0, 1], vec![0, 2], vec![0]], 3),
            [Some(1), Some(2), Some(0)]
        );
    }

    #[test]
    fn as_many_as_possible_are_paired() {
        let pairs = pair(&[vec![0], vec![0], vec![], vec![0, 1]], 3);

        assert_eq!(pairs, [Some(0), None, None, Some(1)]);
    }
}
