//! Reading a camera over RTSP: this program speaks to it, over TCP or UDP, and makes whole pictures of its packets.

mod connection;
mod datagrams;
mod depacketize;
mod h26x;
mod jpeg;
mod message;
mod nals;
mod rtp;
mod sdp;
mod session;

pub(crate) use self::{
    connection::unreachable,
    rtp::Traffic,
    session::{Opened, Session, open},
};
