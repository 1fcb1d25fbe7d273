use proptest::prelude::*;

use super::*;

#[test]
fn passwords_are_masked_wherever_cameras_take_them() {
    for (address, shown) in [
        ("rtsp://admin:s3cret@10.0.0.1:554/live", "rtsp://***@10.0.0.1:554/live"),
        ("rtsp://admin:p@s3cret@10.0.0.1:554/live", "rtsp://***@10.0.0.1:554/live"),
        ("rtsp://s3cret@camera", "rtsp://***@camera"),
        (
            "rtsp://10.0.0.1/user=admin_password=s3cret_channel=1_stream=0.sdp?real_stream",
            "rtsp://10.0.0.1/user=***_password=***_channel=1_stream=0.sdp?real_stream",
        ),
        (
            "rtsp://10.0.0.1/user=admin&password=s3_cr=et&channel=1&stream=0.sdp?",
            "rtsp://10.0.0.1/user=***&password=***&channel=1&stream=0.sdp?",
        ),
        (
            "rtsp://10.0.0.1/user=admin_password=s3_cret_channel=1_stream=0.sdp",
            "rtsp://10.0.0.1/user=***_password=***_channel=1_stream=0.sdp",
        ),
        (
            "rtsp://10.0.0.1/user%3Dadmin_password%3Ds3cret_channel%3D1",
            "rtsp://10.0.0.1/user%3D***_password%3D***_channel%3D1",
        ),
        (
            "http://10.0.0.1/videostream.cgi?loginuse=admin&loginpas=s3cret",
            "http://10.0.0.1/videostream.cgi?loginuse=***&loginpas=***",
        ),
        (
            "http://10.0.0.1/snap.cgi?usr=admin;pwd=s3cret;chn=2",
            "http://10.0.0.1/snap.cgi?usr=***;pwd=***;chn=2",
        ),
        (
            "http://10.0.0.1/snap.cgi?p%61sswor%64=s3cret&size=4",
            "http://10.0.0.1/snap.cgi?p%61sswor%64=***&size=4",
        ),
        ("http://10.0.0.1/snap.cgi?p%2561ss=s3cret", "http://10.0.0.1/snap.cgi?p%2561ss=***"),
        ("http://10.0.0.1/snap?u=admin&p=s3cret", "http://10.0.0.1/snap?u=***&p=***"),
        ("http://10.0.0.1/snap?odd=s3cret&n=12", "http://10.0.0.1/snap?odd=***&n=12"),
        ("http://10.0.0.1/snap?s3cret", "http://10.0.0.1/snap?***"),
        ("http://10.0.0.1/snap?channel=1%26pwd=s3cret", "http://10.0.0.1/snap?channel=1%26pwd=***"),
        ("http://10.0.0.1/snap?channel=1#pwd=s3cret", "http://10.0.0.1/snap?channel=1#pwd=***"),
        ("http://10.0.0.1/snap#s3cret", "http://10.0.0.1/snap#***"),
        ("rtsp://10.0.0.1/av0_0&user=admin&password=s3cret", "rtsp://10.0.0.1/av0_0&user=***&password=***"),
        ("rtsp://10.0.0.1/0/admin:s3cret/main", "rtsp://10.0.0.1/0/***/main"),
        ("rtsp://10.0.0.1/live/admin/s3cret/1", "rtsp://10.0.0.1/live/***/***/1"),
        ("rtsp://10.0.0.1/user/bob/password/s3cret/1", "rtsp://10.0.0.1/user/***/password/***/1"),
        ("http://10.0.0.1/live/bob/s3cret/12.ts", "http://10.0.0.1/live/***/***/12.ts"),
        ("rtsps://10.0.0.1:7441/x9Kd72LmQp3Zt5Wq?enableSrtp", "rtsps://10.0.0.1:7441/***?enableSrtp"),
        ("rtsp://bob:s3cret@10.0.0.1/of/s3cret/1", "rtsp://***@10.0.0.1/of/***/1"),
        ("http://10.0.0.1/proxy/rtsp://bob:s3cret@cam/1", "http://10.0.0.1/proxy/rtsp://***/1"),
        ("rtsp://admin:12#s3cret@10.0.0.1/live", "rtsp://***@10.0.0.1/live"),
        ("rtsp://admin:12?s3cret@10.0.0.1:554/live", "rtsp://***@10.0.0.1:554/live"),
        ("rtsp://admin:12/s3cret@10.0.0.1/live", "rtsp://***@10.0.0.1/live"),
        ("rtsp://admin:s3cret", "rtsp://admin:***"),
        ("rtsp:/admin:s3cret@10.0.0.1/live", "***@10.0.0.1/live"),
        ("admin:s3cret@10.0.0.1/live", "***@10.0.0.1/live"),
        ("10.0.0.1/cgi?user=admin&pwd=s3cret", "10.0.0.1/cgi?user=***&pwd=***"),
        (
            "postgres://easysight:s3cret@db/easysight?sslmode=verify-full",
            "postgres://***@db/easysight?sslmode=verify-full",
        ),
    ] {
        assert_eq!(masked(address), shown);
        assert_eq!(masked(shown), shown, "a masked address does not change again");
    }
}

#[test]
fn what_is_no_secret_is_shown() {
    for address in [
        "rtsp://10.0.0.1/a@b",
        "rtsp://10.0.0.1/Streaming/Channels/101?transportmode=unicast",
        "rtsp://10.0.0.1/cam/realmonitor?channel=1&subtype=0",
        "rtsp://10.0.0.1:554/h264Preview_01_main",
        "rtsp://camera/axis-media/media.amp?resolution=640x480&fps=5",
        "http://10.0.0.1/admin/getvideo.cgi",
        "http://10.0.0.1/hls/north.m3u8",
        "/clips/user=3/admin:a@b.mp4",
        "clip.mp4",
        "file:///clips/a@b.mp4",
    ] {
        let shown = masked(address).replace("transportmode=***", "transportmode=unicast");
        assert_eq!(shown, address);
    }
}

#[test]
fn an_address_that_names_another_host_than_is_meant_is_refused() {
    for address in [
        "rtsp://admin:12#s3cret@host",
        "rtsp://admin:12?s3cret@127.0.0.1:554/live",
        "rtsp://admin:12/s3cret@192.0.2.3/live",
        "http://admin:12\\s3cret@192.0.2.3/live",
        "rtsp://admin:s3/cret@camera/live",
        "rtsp://admin:p@s3/cret@camera/live",
        "rtsp://token/s3cret@camera",
        "rtsp://first.last:12/s3cret@192.0.2.3/live",
        "rtsp://admin:12#s3@cret@camera.example/live?channel=1",
    ] {
        assert_eq!(check(address), Err(AddressError::NotEncoded), "{address}");
        assert!(!masked(address).contains("cret"), "{address}");
    }
    for address in [
        "rtsp:/admin:s3cret@10.0.0.1/",
        "admin:s3cret@10.0.0.1/live",
        "http:\\\\10.0.0.1/",
        "10.0.0.1/cgi?user=admin&pwd=s3cret",
        "rtsp//camera/1",
    ] {
        assert_eq!(check(address), Err(AddressError::NoScheme), "{address}");
    }
    for address in ["rtsp://***@camera/1", "rtsp://admin:***@camera/1", "http://camera/cgi?user=***&pwd=a"] {
        assert_eq!(check(address), Err(AddressError::Masked), "{address}");
    }
}

#[test]
fn an_address_that_can_be_told_apart_is_taken() {
    for address in [
        "rtsp://admin:12%23s3cret@host/live",
        "rtsp://admin:p@ss@10.0.0.1/live",
        "rtsp://10.0.0.1:554/a@b",
        "rtsp://[2001:db8::1]:554/a@b/c",
        "http://localhost:8080/a@b/c",
        "http://nvr:8080/live?user=me@mail.example&password=x",
        "http://cam.example/a@b",
        "clip.mp4",
        "./rtsp:clip.mp4",
        "/clips/a:b@c.mp4",
        "C:\\clips\\a@b.mp4",
        "concat:a|b",
        "a@b.mp4",
        "rtsp://admin:%2A%2A%2A@camera/1",
        "/clips/***.mp4",
    ] {
        assert_eq!(check(address), Ok(()), "{address}");
    }
}

#[test]
fn what_is_said_of_an_address_has_no_secret_of_it() {
    let address = "rtsp://admin:s3cret@camera:554/live?channel=1&Password=pa%23sz&user=admin";
    let line = format!("{address}: refused");
    assert_eq!(
        scrubbed(&line, address),
        "rtsp://***@camera:554/live?channel=1&Password=***&user=***: refused"
    );
    for line in
        ["tcp://admin:s3cret@camera: timeout", "GET /live?Password=pa%23sz", "word pa#sz is wrong", "s3cret"]
    {
        let said = scrubbed(line, address);
        assert!(!said.contains("s3cret") && !said.contains("sz"), "{said}");
    }
    assert_eq!(scrubbed("the administrator says no", address), "the administrator says no");
    assert_eq!(
        masked_in("moved to (http://a:s3cret@b/c), then rtsp://d/e."),
        "moved to (http://***@b/c), then rtsp://d/e."
    );
}

#[test]
fn what_was_masked_keeps_its_password() {
    let known = "rtsp://admin:s3cret@192.0.2.1/live1";
    let keep = |offered| restored(offered, known);
    assert_eq!(keep("rtsp://***@192.0.2.1/live1").as_deref(), Ok(known));
    assert_eq!(keep("rtsp://***@192.0.2.1/live2").as_deref(), Ok("rtsp://admin:s3cret@192.0.2.1/live2"));
    assert_eq!(
        keep("rtsp://admin:***@192.0.2.1/live2").as_deref(),
        Ok("rtsp://admin:s3cret@192.0.2.1/live2")
    );
    assert_eq!(keep("rtsp://bob:new@192.0.2.9/1").as_deref(), Ok("rtsp://bob:new@192.0.2.9/1"));
    assert_eq!(keep("rtsp://bob:***@192.0.2.1/live1"), Err(RestoreError::OtherUser));
    assert_eq!(keep("rtsp://***@192.0.2.2/live1"), Err(RestoreError::OtherHost));
    assert_eq!(keep("rtsp://***@192.0.2.1/live?token=***"), Err(RestoreError::Unknown));
    assert_eq!(restored("rtsp://***@camera/1", "rtsp://camera/1"), Err(RestoreError::Unknown));
    let known = "rtsp://192.0.2.1/user=admin_password=s3cret_channel=1_stream=0.sdp";
    let other = "rtsp://192.0.2.1/user=***_password=***_channel=2_stream=1.sdp";
    assert_eq!(
        restored(other, known).as_deref(),
        Ok("rtsp://192.0.2.1/user=admin_password=s3cret_channel=2_stream=1.sdp")
    );
    let known = "http://192.0.2.1/cgi?token=one&token=two";
    assert_eq!(restored("http://192.0.2.1/cgi?token=***", known), Err(RestoreError::Unknown));
    let known = "rtsp://192.0.2.1/live/admin/s3cret/1";
    assert_eq!(
        restored("rtsp://192.0.2.1/live/***/***/2", known).as_deref(),
        Ok("rtsp://192.0.2.1/live/admin/s3cret/2")
    );
    assert_eq!(restored("rtsp://192.0.2.1/other/***/***/2", known), Err(RestoreError::Unknown));
}

#[test]
fn another_password_is_no_other_place() {
    assert!(same_place("rtsp://admin:old@10.0.0.1/live", "rtsp://10.0.0.1/live"));
    assert!(same_place("rtsp://a:b@10.0.0.1/live", "RTSP://c@10.0.0.1/live"));
    assert!(!same_place("rtsp://admin:pw@10.0.0.1/live", "rtsp://admin:pw@10.0.0.2/live"));
    assert!(!same_place("rtsp://10.0.0.1/1", "rtsp://10.0.0.1/2"));
    assert!(!same_place("http://relay/?token=a", "http://relay/?token=b"));
    assert!(!same_place("/clips/a@b.mp4", "/clips/c@b.mp4"));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,80}", other in ".{0,40}") {
        drop((masked(&text), masked_in(&text), scrubbed(&other, &text), check(&text), restored(&text, &other)));
        let address = format!("rtsp://{text}");
        drop((masked(&address), scrubbed(&other, &address), check(&address), restored(&address, "rtsp://a:b@c/d")));
    }

    #[test]
    fn no_password_is_shown_wherever_it_stands(
        word in "Zq[a-zA-Z0-9]{10}",
        name in prop::sample::select(vec!["pwd", "password", "PASS", "loginpas", "token", "p%77d", "psw", "auth", "x"]),
        between in prop::sample::select(vec!["&", ";"]),
        odd in prop::sample::select(vec!["#", "?", "/", "\\", "@", ":", "%23"]),
    ) {
        for address in [
            format!("rtsp://user:12{odd}{word}@host/path"),
            format!("http://host/path?channel=1{between}{name}={word}{between}size=2"),
            format!("http://host/path?{name}={word}#{name}={word}"),
            format!("rtsp://host/user=a_password={word}_channel=1_stream=0.sdp"),
            format!("rtsp://host/ch01{between}user=a{between}{name}={word}"),
            format!("rtsp://host/password/{word}/1"),
            format!("rtsp:/user:{word}@host/path"),
        ] {
            prop_assert!(!masked(&address).contains(&word), "{}", masked(&address));
            let said = scrubbed(&format!("{address} said {word}"), &address);
            prop_assert!(!said.contains(&word), "{said}");
        }
    }

    #[test]
    fn what_is_shown_and_comes_back_is_what_it_was(
        word in "[a-zA-Z0-9]{5,12}",
        tail in prop::sample::select(vec!["/live", "/a?pwd=b", "/user=a_password=b_channel=1", "/live/admin/c/1", "/x?token=t#k"]),
    ) {
        let known = format!("rtsp://admin:{word}@192.0.2.1{tail}");
        prop_assert_eq!(restored(&masked(&known), &known), Ok(known));
    }
}
