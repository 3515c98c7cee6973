//! Sleeps, callbacks and futures that end at a stop.

use std::sync::atomic::AtomicUsize;
use std::sync::mpsc;
use std::task::{Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::Instant;

use super::*;

const SOON: Duration = Duration::from_secs(30);

#[test]
fn a_stop_ends_a_sleep() {
    let stop = Arc::new(StopSignal::default());
    let sleeper = Arc::clone(&stop);
    let start = Instant::now();

    let thread = thread::spawn(move || sleeper.sleep(Duration::from_secs(60)));
    stop.set();

    assert!(!thread.join().unwrap());
    assert!(start.elapsed() < SOON);
}

#[test]
fn an_undisturbed_sleep_returns_true() {
    let stop = StopSignal::default();

    assert!(stop.sleep(Duration::from_millis(1)));
}

#[test]
fn a_sleep_after_the_stop_returns_at_once() {
    let stop = StopSignal::default();
    stop.set();

    assert!(!stop.sleep(Duration::MAX));
}

/// Returns a signal, and what reports the threads on which its callbacks ran.
fn reported() -> (
    Arc<StopSignal>,
    mpsc::Sender<ThreadId>,
    mpsc::Receiver<ThreadId>,
) {
    let (ran, runs) = mpsc::channel();
    (Arc::default(), ran, runs)
}

#[test]
fn a_callback_runs_once_on_the_thread_that_stops() {
    let (stop, ran, runs) = reported();
    let _guard = stop.on_stop(move || ran.send(thread::current().id()).unwrap());
    assert!(runs.try_recv().is_err());

    let stopper = thread::spawn(move || {
        stop.set();
        stop.set();
    });
    let id = stopper.thread().id();
    stopper.join().unwrap();

    assert_eq!(runs.iter().collect::<Vec<_>>(), [id]);
}

#[test]
fn a_callback_after_the_stop_runs_at_once_on_the_same_thread() {
    let (stop, ran, runs) = reported();
    stop.set();

    let guard = stop.on_stop(move || ran.send(thread::current().id()).unwrap());

    assert_eq!(runs.iter().collect::<Vec<_>>(), [thread::current().id()]);
    drop(guard);
}

#[test]
fn a_callback_whose_guard_is_dropped_does_not_run_and_is_dropped() {
    let (stop, ran, runs) = reported();
    let guard = stop.on_stop(move || ran.send(thread::current().id()).unwrap());

    drop(guard);
    // The channel is disconnected: nobody holds the callback.
    assert!(matches!(runs.recv(), Err(mpsc::RecvError)));

    stop.set();
}

#[test]
fn callbacks_run_in_the_order_in_which_they_were_registered() {
    let stop = Arc::new(StopSignal::default());
    let (ran, runs) = mpsc::channel();
    let _guards: Vec<StopGuard> = (0..5)
        .map(|n| {
            let ran = ran.clone();
            stop.on_stop(move || ran.send(n).unwrap())
        })
        .collect();
    drop(ran);

    stop.set();

    assert_eq!(runs.iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[test]
fn a_callback_can_drop_its_own_guard_and_that_of_another_one_and_register_a_third() {
    let stop = Arc::new(StopSignal::default());
    let (ran, runs) = mpsc::channel();
    let guards = Arc::new(Mutex::new(Vec::new()));
    let first = {
        let (stop, ran, guards) = (Arc::clone(&stop), ran.clone(), Arc::clone(&guards));
        Arc::clone(&stop).on_stop(move || {
            guards.lock().unwrap().clear();
            let third = ran.clone();
            drop(stop.on_stop(move || third.send("third").unwrap()));
            ran.send("first").unwrap();
        })
    };
    let second = stop.on_stop(move || ran.send("second").unwrap());
    guards.lock().unwrap().extend([first, second]);

    stop.set();

    assert_eq!(runs.iter().collect::<Vec<_>>(), ["third", "first"]);
}

#[test]
fn dropping_a_guard_does_not_wait_for_its_callback_that_runs() {
    let stop = Arc::new(StopSignal::default());
    let (entered, wait_entered) = mpsc::channel();
    let (leave, wait_leave) = mpsc::channel::<()>();
    let guard = stop.on_stop(move || {
        entered.send(()).unwrap();
        wait_leave.recv().unwrap();
    });
    let stopper = thread::spawn(move || stop.set());
    wait_entered.recv().unwrap();

    drop(guard);

    leave.send(()).unwrap();
    stopper.join().unwrap();
}

/// Counts how often it is woken, and wakes a thread that waits.
struct Counted {
    wakes: AtomicUsize,
    thread: thread::Thread,
}

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
        self.thread.unpark();
    }
}

fn counted() -> (Arc<Counted>, Waker) {
    let counted = Arc::new(Counted {
        wakes: AtomicUsize::new(0),
        thread: thread::current(),
    });
    (Arc::clone(&counted), Waker::from(counted))
}

#[test]
fn the_future_is_ready_after_the_stop_and_stays_ready() {
    let stop = Arc::new(StopSignal::default());
    let (counted, waker) = counted();
    let cx = &mut Context::from_waker(&waker);
    let mut future = stop.until_set();
    assert_eq!(Pin::new(&mut future).poll(cx), Poll::Pending);

    let stopper = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || stop.set())
    };
    let end = Instant::now() + SOON;
    while counted.wakes.load(Ordering::SeqCst) == 0 {
        assert!(Instant::now() < end, "not woken");
        thread::park_timeout(Duration::from_secs(1));
    }

    assert_eq!(Pin::new(&mut future).poll(cx), Poll::Ready(()));
    assert_eq!(Pin::new(&mut future).poll(cx), Poll::Ready(()));
    assert_eq!(counted.wakes.load(Ordering::SeqCst), 1);
    stopper.join().unwrap();
    assert_eq!(Pin::new(&mut stop.until_set()).poll(cx), Poll::Ready(()));
}

#[test]
fn only_the_last_waker_of_a_future_is_woken() {
    let stop = Arc::new(StopSignal::default());
    let (first, first_waker) = counted();
    let (last, last_waker) = counted();
    let mut future = stop.until_set();
    assert!(
        Pin::new(&mut future)
            .poll(&mut Context::from_waker(&first_waker))
            .is_pending()
    );
    assert!(
        Pin::new(&mut future)
            .poll(&mut Context::from_waker(&last_waker))
            .is_pending()
    );

    stop.set();

    assert_eq!(first.wakes.load(Ordering::SeqCst), 0);
    assert_eq!(last.wakes.load(Ordering::SeqCst), 1);
}

#[test]
fn a_dropped_future_keeps_no_waker() {
    let stop = Arc::new(StopSignal::default());
    let (counted, waker) = counted();
    let mut future = stop.until_set();
    let mut other = stop.until_set();
    let cx = &mut Context::from_waker(&waker);
    assert!(Pin::new(&mut future).poll(cx).is_pending());
    assert!(Pin::new(&mut other).poll(cx).is_pending());

    drop(future);

    // This test, its waker, and the waker of the future that is left.
    assert_eq!(Arc::strong_count(&counted), 3);
    stop.set();
    assert_eq!(counted.wakes.load(Ordering::SeqCst), 1);
}

#[test]
fn a_guard_and_a_future_can_be_sent_to_other_threads() {
    fn is_free<T: Send + Sync + 'static>() {}

    is_free::<StopGuard>();
    is_free::<UntilStopped>();
}

#[test]
fn an_instance_is_woken_before_the_callbacks_run() {
    let stop = Arc::new(StopSignal::default());
    let (ran, order) = mpsc::channel();
    let callback = ran.clone();
    let _guard = stop.on_stop(move || callback.send("callback").unwrap());

    stop.set_with(|| ran.send("wake").unwrap());

    assert_eq!(order.try_iter().collect::<Vec<_>>(), ["wake", "callback"]);
}
