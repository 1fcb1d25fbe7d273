//! Reads a camera over RTSP. This program implements the protocol itself, over TCP or UDP, and assembles whole
//! pictures from packets.

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
