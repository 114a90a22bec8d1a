//! How often the panic hook hears of a runtime without drivers. The hook belongs to the whole process, so this is
//! alone in its own.

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};

use martlet_client::Runtime;
use martlet_tokio::Tokio;
use tokio::runtime::Builder;

#[test]
fn the_panic_hook_hears_of_each_runtime_without_drivers_once() {
    static HEARD: AtomicUsize = AtomicUsize::new(0);
    panic::set_hook(Box::new(|_| {
        HEARD.fetch_add(1, Ordering::SeqCst);
    }));
    let bare = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let complete = Builder::new_current_thread().enable_all().build().unwrap();
    let mut errors = 0;
    for _ in 0..5 {
        errors += usize::from(bare.block_on(async { Tokio.home() }).is_err());
        errors += usize::from(
            bare.block_on(async { tokio::spawn(async { Tokio.home().is_err() }).await.unwrap() }),
        );
        complete.block_on(async { Tokio.home() }).unwrap();
    }
    let heard = HEARD.load(Ordering::SeqCst);
    let _ = panic::take_hook();
    assert_eq!((errors, heard), (10, 1));
}
