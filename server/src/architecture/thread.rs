//! The thread of an actor.
//!
//! Whoever orders what others wait for must not stand in the runtime's queues behind them. So an actor has a thread, which may wait for the
//! disk itself. Its timers, sockets and links are the runtime's, as requests are.
//!
//! But who is given a processor at the first word takes one step for each, with a transaction and signatures of its own, and the less
//! processor is left the more steps it takes. So when it wakes it first lets whoever else is ready have the processor: that takes no time on a
//! machine that is not busy, and on one that is the step takes in what has come meanwhile.

use std::{
    future::poll_fn,
    io,
    pin::pin,
    thread::{Builder, JoinHandle, yield_now},
};

use futures_util::future::select;
use tokio::{runtime::Handle, sync::oneshot};

use crate::protocol::id::ActorId;

/// The thread of an actor: when it is dropped the actor ends, between two of its steps or while it waits for something, and its store is closed.
pub struct Thread {
    running: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Thread {
    /// Runs an actor whose timers, sockets and links the current runtime drives.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn run(actor: ActorId, acting: impl Future<Output = ()> + Send + 'static) -> io::Result<Thread> {
        let (runtime, (running, ended)) = (Handle::current(), oneshot::channel::<()>());
        let work = move || {
            runtime.block_on(async move {
                let mut acting = pin!(acting);
                let considerate = poll_fn(|context| {
                    yield_now();
                    acting.as_mut().poll(context)
                });
                select(ended, considerate).await;
            });
        };
        let thread = Builder::new().name(actor.to_string()).spawn(work)?;
        Ok(Thread { running: Some(running), thread: Some(thread) })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        drop(self.running.take());
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
    fn an_actor_has_a_thread_of_its_name_and_ends_with_it() {
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
            let (name, thread) = runtime.block_on(async move {
                let thread = Thread::run(ActorId::SEQUENCER, task).unwrap();
                (name.await.unwrap(), thread)
            });
            assert_eq!(name.as_deref(), Some("sequencer"));
            assert!(!closed.load(Ordering::SeqCst));
            drop(thread);
            assert!(closed.load(Ordering::SeqCst), "its store is closed");
        }
    }
}
