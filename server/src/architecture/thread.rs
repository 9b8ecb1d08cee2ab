//! The thread of an actor.
//!
//! Whoever orders what others wait for must not stand in a queue behind them. So an actor has a thread, to which the system gives a
//! processor soon after it wakes, and which may wait for the disk itself. Its timers, sockets and links are the runtime's, as requests are.

use std::{
    future::pending,
    io,
    pin::pin,
    thread::{Builder, JoinHandle},
};

use futures_util::future::select;
use tokio::{runtime::Handle, sync::oneshot};

use crate::protocol::id::ActorId;

/// Runs an actor until it stops or the current runtime ends, which waits for that: its store is closed then.
pub fn run(actor: ActorId, running: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let (runtime, (lives, ended)) = (Handle::current(), oneshot::channel::<()>());
    let work = move || drop(runtime.block_on(select(ended, pin!(running))));
    let thread = Builder::new().name(actor.to_string()).spawn(work)?;
    let guard = Guard { lives: Some(lives), thread: Some(thread) };
    tokio::spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    Ok(())
}

/// Is dropped with the tasks of the runtime.
struct Guard {
    lives: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.lives.take());
        if let Some(thread) = self.thread.take() {
            // if it panicked it has said so
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        thread,
        time::Duration,
    };

    use super::*;

    /// Sets the flag when it is dropped, after a while.
    struct Store(Arc<AtomicBool>);

    impl Drop for Store {
        fn drop(&mut self) {
            thread::sleep(Duration::from_millis(50));
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn an_actor_has_a_thread_of_its_name_and_is_gone_when_the_runtime_is() {
        for runtime in
            [tokio::runtime::Builder::new_multi_thread(), tokio::runtime::Builder::new_current_thread()]
                .iter_mut()
                .map(|builder| builder.enable_all().build().unwrap())
        {
            let closed = Arc::new(AtomicBool::new(false));
            let (store, (named, name)) = (Store(closed.clone()), oneshot::channel());
            let task = async move {
                let _store = store;
                let _ = named.send(thread::current().name().map(str::to_owned));
                loop {
                    tokio::time::sleep(Duration::from_micros(100)).await;
                }
            };
            let name = runtime.block_on(async move {
                run(ActorId::SEQUENCER, task).unwrap();
                name.await.unwrap()
            });
            assert_eq!(name.as_deref(), Some("sequencer"));
            assert!(!closed.load(Ordering::SeqCst));
            drop(runtime);
            assert!(closed.load(Ordering::SeqCst), "its store is closed");
        }
    }
}
