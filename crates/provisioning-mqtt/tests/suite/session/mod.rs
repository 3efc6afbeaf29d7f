//! Sessions over in-memory streams, against a scripted service.

mod abandoned;
mod answers;
mod flow;
mod forgetting;
mod handle;
mod handshake;
mod hostile;
mod keep_alive;
mod late;
mod leaving;
mod loss;
mod pipelining;
mod races;
mod reuse;
mod storm;
mod waiting;
mod wire;
