use super::decode::OGG;
use super::files::ogg_page;
use crate::decode;

fn ogg_of(packet: &[u8]) -> Vec<u8> {
    ogg_page(2, 9, 0, 0, packet)
}

#[test]
fn unsupported_formats_are_named_with_a_remedy() {
    let text = "Once upon a midnight dreary".repeat(3);
    let cases: [(&[u8], &str); 22] = [
        (&ogg_of(b"OpusHead\x01\x01"), "an Opus stream in Ogg; convert it"),
        (&ogg_of(b"Speex   1.2"), "a Speex stream in Ogg; convert it"),
        (&ogg_of(b"\x7fFLAC\x01"), "a FLAC stream in Ogg; convert it"),
        (&ogg_of(b"something"), "Ogg of an unknown codec; convert it"),
        (b"\0\0\0\x20ftypM4A \0\0\0\0", "MP4 or M4A; extract its sound"),
        (b"\x1a\x45\xdf\xa3\x01\0\0\0", "Matroska or WebM; extract its sound"),
        (b"FORM\0\0\x10\0AIFFCOMM", "AIFF; convert it"),
        (b"RIFX\0\0\x10\0WAVEfmt ", "WAV of big-endian numbers"),
        (b".snd\0\0\0\x18", "Sun AU; convert it"),
        (b"caff\0\x01\0\0", "Core Audio"),
        (b"#!AMR-WB\n", "AMR; convert it"),
        (b"wvpk\0\0\0\0", "WavPack; convert it"),
        (b"ajkg\x02\xfb", "Shorten; convert it"),
        (b"\xff\xf1\x50\x80\x02\x1f\xfc", "AAC (ADTS); convert it"),
        (b"\xff\xfd\x48\xc4\0\0\0\0", "MPEG layer I or II; convert it"),
        (b"\x1f\x8b\x08\0\0\0", "gzip; unpack it first"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer; fetch the file itself"),
        (b"<!DOCTYPE html><html><body>404", "an HTML page; download the file itself"),
        (text.as_bytes(), "text: \"Once upon a midnight\""),
        (b"", "an empty file"),
        (&[0; 4_096], "4096 bytes that begin with zeros"),
        (b"\x01\xd5\x80\x99", "a file that begins with the bytes 01 d5 80 99"),
    ];
    for (bytes, name) in cases {
        let error = decode(bytes.to_vec()).unwrap_err().to_string();
        assert!(
            error.starts_with("expected WAV, FLAC, MP3, Ogg Vorbis or NIST SPHERE audio, found "),
            "{error}"
        );
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn a_stream_followed_by_one_of_another_codec_is_refused() {
    let opus = [
        ogg_page(2, 9, 0, 0, b"OpusHead\x01\x01\x38\x01\x80\x3e\0\0\0\0\0"),
        ogg_page(0, 9, 1, 0, b"OpusTags\x04\0\0\0none\0\0\0\0"),
        ogg_page(4, 9, 2, 960, b"\xf8\xff\xfe"),
    ];
    let error = decode([OGG, &opus.concat()].concat()).unwrap_err().to_string();
    assert!(error.contains("Ogg Vorbis followed by a stream of another codec; convert it"), "{error}");
}
