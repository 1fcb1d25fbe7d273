//! Regions of a picture that is divided into cells, row by row.

/// Returns the neighbours of the cell at `at`, in a grid of `count` cells with `columns` in a row: right, left, below,
/// above. Neighbours share a side. None stands for a neighbour beyond the border of the grid.
#[must_use]
pub fn beside(at: usize, columns: usize, count: usize) -> [Option<usize>; 4] {
    let x = at % columns.max(1);
    [
        Some(at + 1).filter(|&right| x + 1 < columns && right < count),
        at.checked_sub(1).filter(|_| x > 0),
        Some(at + columns).filter(|&below| below < count),
        at.checked_sub(columns),
    ]
}

/// Returns the connected regions of the cells that are set, ordered by their first cell. Each region is a list of
/// its cells. Two cells that share a side are connected if `joined` returns true for them.
pub fn connected(map: &[bool], columns: usize, joined: impl Fn(usize, usize) -> bool) -> Vec<Vec<usize>> {
    let mut left = map.to_vec();
    let mut found = Vec::new();
    let mut stack = Vec::new();
    for start in map.iter().enumerate().filter(|&(_, &set)| set).map(|(at, _)| at) {
        let mut region = Vec::new();
        stack.push(start);
        while let Some(at) = stack.pop() {
            match left.get_mut(at) {
                Some(open) if *open => *open = false,
                _ => continue,
            }
            region.push(at);
            let next = beside(at, columns, map.len()).into_iter().flatten();
            stack.extend(next.filter(|&next| joined(at, next)));
        }
        if !region.is_empty() {
            found.push(region);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_share_sides_and_do_not_go_round_the_rim() {
        // Three regions: cells that touch only at a corner are not connected, and the border ends each row.
        let map = [[1, 1, 0, 1], [0, 0, 1, 0], [0, 0, 1, 0]].concat().into_iter().map(|set| set == 1);
        let map: Vec<bool> = map.collect();
        let mut regions = connected(&map, 4, |_, _| true);
        regions.iter_mut().for_each(|region| region.sort_unstable());
        assert_eq!(regions, [vec![0, 1], vec![3], vec![6, 10]]);
        assert_eq!(connected(&map, 4, |_, _| false).len(), 5);
        assert!(connected(&[], 0, |_, _| true).is_empty());
    }
}
