//! TCP connections by RFC 8305, "Happy Eyeballs Version 2".

use super::alarm::now;
use std::{
    future::poll_fn,
    io::{self, ErrorKind},
    mem,
    net::SocketAddr,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, sleep_until, timeout},
};

/// The Connection Attempt Delay that section 5 recommends.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Connects to the first address of the host that answers.
pub(super) async fn dial(address: (&str, u16)) -> io::Result<TcpStream> {
    let addresses = interleaved(lookup_host(address).await?);
    let stream = first_of(addresses, TcpStream::connect).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The result of `opening`, within `limit`.
pub(super) async fn within<T>(limit: Option<Duration>, opening: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let Some(limit) = limit else { return opening.await };
    let late = || Err(io::Error::new(ErrorKind::TimedOut, "the server has not answered in time"));
    timeout(limit, opening).await.unwrap_or_else(|_| late())
}

/// Section 4: after the first address the families of IPv4 and IPv6 alternate.
fn interleaved(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses = addresses.peekable();
    let is_first_v6 = addresses.peek().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses.partition(|address| address.is_ipv6() == is_first_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut result = Vec::new();
    loop {
        let pair = (first.next(), second.next());
        if pair == (None, None) {
            return result;
        }
        result.extend(pair.0.into_iter().chain(pair.1));
    }
}

/// The first attempt that succeeds, or the error of the last one. An attempt begins when the one before has failed, or
/// has taken 250 ms.
async fn first_of<S, F: Future<Output = io::Result<S>>>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<S> {
    let mut addresses = addresses.into_iter();
    let mut attempts: Vec<Pin<Box<F>>> = Vec::new();
    let mut error = io::Error::new(ErrorKind::NotFound, "the host has no address");
    let mut next_attempt = pin!(sleep_until(Instant::from_std(now())));
    let mut is_next_due = true;
    poll_fn(|cx: &mut Context<'_>| {
        loop {
            let mut n = 0;
            while n < attempts.len() {
                match attempts[n].as_mut().poll(cx) {
                    Poll::Ready(Ok(stream)) => return Poll::Ready(Ok(stream)),
                    Poll::Ready(Err(failure)) => {
                        error = failure;
                        is_next_due = true;
                        drop(attempts.remove(n));
                    }
                    Poll::Pending => n += 1,
                }
            }
            is_next_due = is_next_due || next_attempt.as_mut().poll(cx).is_ready();
            match addresses.as_slice().first() {
                Some(&address) if is_next_due => {
                    addresses.next();
                    attempts.push(Box::pin(connect(address)));
                    next_attempt.as_mut().reset(Instant::from_std(now()) + ATTEMPT_DELAY);
                    is_next_due = false;
                }
                None if attempts.is_empty() => {
                    return Poll::Ready(Err(mem::replace(&mut error, ErrorKind::Other.into())));
                }
                _ => return Poll::Pending,
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::RefCell, future::pending};
    use tokio::time::sleep;

    fn address(ip: &str) -> SocketAddr {
        SocketAddr::new(ip.parse().unwrap(), 80)
    }

    #[test]
    fn the_families_take_turns_from_the_first() {
        let [a, b, c, d] = ["::1", "::2", "::3", "10.0.0.1"].map(address);
        assert_eq!(interleaved([a, b, c, d].into_iter()), [a, d, b, c]);
        assert_eq!(interleaved([d, a, b].into_iter()), [d, a, b]);
        assert_eq!(interleaved([].into_iter()), []);
    }

    /// Dials three addresses; `outcome` says what happens to each, and after how many milliseconds.
    async fn run(outcome: impl Fn(usize) -> Option<(u64, bool)>) -> (io::Result<usize>, Vec<u128>, u128) {
        let (began, begun) = (Instant::now(), RefCell::new(vec![]));
        let addresses = ["::1", "::2", "::3"].map(address);
        let result = first_of(addresses.to_vec(), |address| {
            let n = addresses.iter().position(|other| *other == address).unwrap();
            begun.borrow_mut().push(began.elapsed().as_millis());
            let outcome = outcome(n);
            async move {
                let Some((after, succeeds)) = outcome else { return pending().await };
                sleep(Duration::from_millis(after)).await;
                if succeeds { Ok(n) } else { Err(io::Error::other(n.to_string())) }
            }
        });
        let result = result.await;
        (result, begun.into_inner(), began.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_begins_after_250_ms_or_a_failure_and_the_first_success_wins() {
        let (result, begun, took) = run(|n| Some((100, n == 0))).await;
        assert_eq!((result.unwrap(), begun, took), (0, vec![0], 100));
        let (result, begun, took) = run(|n| [None, Some((100, true)), None][n]).await;
        assert_eq!((result.unwrap(), begun, took), (1, vec![0, 250], 350));
        let (result, begun, took) = run(|n| [Some((300, true)), Some((100, true)), None][n]).await;
        assert_eq!((result.unwrap(), begun, took), (0, vec![0, 250], 300));
        let (result, begun, took) = run(|n| [Some((10, false)), Some((20, false)), Some((30, true))][n]).await;
        assert_eq!((result.unwrap(), begun, took), (2, vec![0, 10, 30], 60));
        let (result, begun, took) = run(|n| [Some((600, false)), Some((10, false)), Some((0, false))][n]).await;
        assert_eq!((result.unwrap_err().to_string(), begun, took), ("0".into(), vec![0, 250, 260], 600));
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_without_an_address_is_not_found() {
        let result = first_of(vec![], |_| pending::<io::Result<()>>()).await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::NotFound);
    }
}
