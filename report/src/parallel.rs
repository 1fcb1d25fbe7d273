//! Does the same work on many items in parallel. The results are in the order of the items.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use anyhow::bail;

/// Does the work on each item. Calls `tell` with the number of finished items. The first error ends the work.
///
/// # Errors
///
/// Returns the first error of the work.
pub fn each<T: Sync, R: Send>(
    things: &[T],
    jobs: usize,
    tell: &(dyn Fn(usize) + Sync),
    work: impl Fn(&T) -> anyhow::Result<R> + Sync,
) -> anyhow::Result<Vec<R>> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new((Vec::new(), None)));
    let turn = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(thing) = things.get(number) else { return };
            let result = work(thing);
            let Ok(mut done) = done.lock() else { return };
            match result {
                Ok(result) => {
                    done.0.push((number, result));
                    tell(done.0.len());
                }
                Err(error) => {
                    done.1.get_or_insert(error);
                    next.store(things.len(), Ordering::Relaxed);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(turn);
        }
    });
    let Ok((mut results, failed)) = done.into_inner() else { bail!("the work was aborted") };
    if let Some(error) = failed {
        return Err(error);
    }
    results.sort_by_key(|(number, _)| *number);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_things_and_the_first_failure_ends_it() {
        let things: Vec<usize> = (0..100).collect();
        let doubled = each(&things, 4, &|_| {}, |thing| Ok(2 * thing)).expect("no failure");
        assert!(doubled.iter().enumerate().all(|(number, result)| *result == 2 * number));
        let failed = each(&things, 4, &|_| {}, |thing| if *thing == 7 { bail!("seven") } else { Ok(()) });
        assert_eq!(failed.expect_err("a failure").to_string(), "seven");
    }
}
