//! Plays the pictures of a camera.

use std::time::{Duration, Instant};

use tokio::{
    io::AsyncWriteExt,
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
    sync::watch,
    time::sleep_until,
};

use super::{Client, End, Habits, Video, message::read};

/// Plays, and meanwhile reads the keep-alive requests.
pub(super) async fn play(client: Client, mut reader: OwnedReadHalf, writer: OwnedWriteHalf) {
    let (sign, signs) = watch::channel(Instant::now());
    let method = client.habits.wants_signs.map_or("", |(method, _)| method);
    let hearing = async {
        while let Some(request) = read(&mut reader).await {
            if request.method == method {
                sign.send_replace(Instant::now());
            }
        }
    };
    let playing = Playing { writer, number: 0, sent: 0, held: Vec::new(), client };
    tokio::select! {
        () = hearing => {}
        () = playing.run(signs) => {}
    }
}

struct Playing {
    client: Client,
    writer: OwnedWriteHalf,
    number: u16,
    sent: u64,
    held: Vec<u8>,
}

impl Playing {
    async fn run(mut self, signs: watch::Receiver<Instant>) {
        let habits = self.client.habits.clone();
        let begun = Instant::now();
        let mut paused = Duration::ZERO;
        for n in 0..habits.pictures {
            if n == habits.pause.0 {
                paused = habits.pause.1;
            }
            sleep_until((begun + Duration::from_secs_f64(n as f64 / habits.rate) + paused).into()).await;
            if habits.wants_signs.is_some_and(|(_, within)| signs.borrow().elapsed() > within) {
                return;
            }
            let (payloads, place) = self.client.payloads(n);
            let stamp = (habits.stamp)(place);
            let count = payloads.len();
            for (at, payload) in payloads.into_iter().enumerate() {
                if self.send(&habits, payload, (habits.marks)(at + 1 == count), stamp).await.is_none() {
                    return;
                }
            }
        }
        match habits.end {
            End::Closes => return,
            End::Bye => {
                let bye = [0x81, 203, 0, 1, b'c', b'a', b'm', b'1'];
                if self.interleave(habits.channel + 1, &bye).await.is_none() {
                    return;
                }
            }
            End::Silence => {}
        }
        std::future::pending::<()>().await;
    }

    async fn send(&mut self, habits: &Habits, payload: Vec<u8>, marked: bool, stamp: u32) -> Option<()> {
        let kind = if habits.video == Video::Jpeg { 26 } else { 96 } | if marked { 0x80 } else { 0 };
        let head = [&[0x80, kind][..], &self.number.to_be_bytes(), &stamp.to_be_bytes(), b"cam1"].concat();
        self.number = self.number.wrapping_add(1);
        self.sent += 1;
        for packet in (habits.on_the_way)(self.sent, [head, payload].concat(), &mut self.held) {
            match &self.client.datagrams {
                // A packet is lost if the client no longer receives.
                Some(socket) => drop(socket.send(&packet).await),
                // Data that is not an RTP packet is sent unchanged: junk, or packets of other channels.
                None if packet.first() != Some(&0x80) && packet.first() != Some(&0xB0) => {
                    self.writer.write_all(&packet).await.ok()?;
                }
                None => self.interleave(habits.channel, &packet).await?,
            }
        }
        Some(())
    }

    async fn interleave(&mut self, channel: u8, packet: &[u8]) -> Option<()> {
        let length = u16::try_from(packet.len()).ok()?.to_be_bytes();
        self.writer.write_all(&[&[b'$', channel][..], &length, packet].concat()).await.ok()
    }
}
