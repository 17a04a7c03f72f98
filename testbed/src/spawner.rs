//! The thread that is the parent process of every server.
//!
//! Linux sends the parent-death signal when the *thread* that forked the child ends. Tests run on
//! threads of their own, and tokio ends idle blocking threads, so a server that several tests share
//! would die with the first of them. This thread lives as long as the process.

use std::{
    io,
    process::{Child, Command},
    sync::{
        LazyLock,
        mpsc::{Sender, channel},
    },
    thread,
};

struct Order {
    command: Command,
    reply: Sender<io::Result<Child>>,
}

static ORDERS: LazyLock<Option<Sender<Order>>> = LazyLock::new(|| {
    let (orders, inbox) = channel::<Order>();
    let work = move || {
        for mut order in inbox {
            // The caller no longer waits for the child, so it must not be left running.
            if let Err(unwanted) = order.reply.send(order.command.spawn())
                && let Ok(mut child) = unwanted.0
            {
                let _gone_already = child.kill();
            }
        }
    };
    thread::Builder::new().name("testbed-spawner".to_owned()).spawn(work).ok().map(|_| orders)
});

pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    let gone = || io::Error::other("the thread that starts servers has stopped");
    let orders = ORDERS.as_ref().ok_or_else(gone)?;
    let (reply, answer) = channel();
    orders.send(Order { command, reply }).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}
