//! Reads tables of cameras as spreadsheet programs save them: in one of several encodings, with one of several
//! separators, with or without a `sep=` line, and with names of columns in English or Chinese.

use std::borrow::Cow;

use csv::{ReaderBuilder, StringRecord, Trim};
use encoding_rs::{Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};

/// The columns and all their names.
const COLUMNS: &[(Column, &[&str])] = &[
    (Column::Id, &["id", "编号", "摄像机编号", "设备编号"]),
    (Column::Name, &["name", "名称", "名字", "摄像机名称", "设备名称"]),
    (Column::Source, &["source", "来源", "地址", "视频源", "视频地址", "取流地址"]),
    (Column::Groups, &["groups", "group", "分组", "组"]),
    (Column::Labels, &["labels", "标签"]),
    (Column::Enabled, &["enabled", "启用", "是否启用"]),
];
/// Separators, most likely first.
const SEPARATORS: &[u8] = b",;\t|";

/// A known column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Id,
    Name,
    Source,
    Groups,
    Labels,
    Enabled,
}

/// A table of cameras.
#[derive(Debug)]
pub(super) struct Sheet {
    /// The name of the encoding.
    pub(super) encoding: &'static str,
    /// The separator between columns.
    pub(super) separator: char,
    /// The lines that are not empty.
    pub(super) lines: Vec<SheetLine>,
}

/// A line: its number in the file, counted from 1, and its fields.
#[derive(Debug)]
pub(super) struct SheetLine {
    pub(super) number: u64,
    fields: Vec<(Column, String)>,
}

impl SheetLine {
    /// Returns the text of a column. The text is empty if the column is empty or absent.
    pub(super) fn text(&self, column: Column) -> &str {
        self.fields.iter().find(|(one, _)| *one == column).map_or("", |(_, text)| text)
    }

    /// Returns true if the line has a field of the column. The field may be empty.
    pub(super) fn has(&self, column: Column) -> bool {
        self.fields.iter().any(|(one, _)| *one == column)
    }
}

impl Sheet {
    /// Parses a table.
    ///
    /// # Errors
    ///
    /// Returns an error if the encoding is not known, columns are missing, or there are more lines than `most`.
    pub(super) fn read(bytes: &[u8], most: usize) -> Result<Self, String> {
        let (encoding, text) = decode(bytes)?;
        let (separator, text, passed) = match separator_line(&text) {
            Some((separator, rest)) => (Some(separator), rest, 1),
            None => (None, &*text, 0),
        };
        let likely = || SEPARATORS.iter().copied().find(|one| columns(text, *one).is_ok());
        let separator = separator.or_else(likely).unwrap_or(b',');
        let columns = columns(text, separator)?;
        let (mut lines, mut number, mut counted) = (Vec::new(), 1 + passed, 0);
        for record in reader(text, separator).records() {
            let record = record.map_err(|_| "the file cannot be read to the end".to_owned())?;
            if record.iter().all(str::is_empty) {
                continue;
            }
            if lines.len() >= most {
                return Err(format!("at most {most} cameras can be imported at a time"));
            }
            let begin = begin(text, &record);
            number += breaks(text.get(counted..begin).unwrap_or_default());
            counted = begin;
            lines.push(SheetLine { number, fields: fields(&record, &columns) });
        }
        Ok(Self { encoding: encoding.name(), separator: char::from(separator), lines })
    }
}

/// Returns the offset of a record in the text, after any empty lines before the record.
fn begin(text: &str, record: &StringRecord) -> usize {
    let before = record.position().map_or(0, |position| position.byte() as usize);
    let rest = text.get(before..).unwrap_or_default();
    text.len() - rest.trim_start_matches(['\r', '\n']).len()
}

/// Counts the line ends in a string.
fn breaks(text: &str) -> u64 {
    (text.matches('\n').count() + text.matches('\r').count() - text.matches("\r\n").count()) as u64
}

fn reader(text: &str, separator: u8) -> csv::Reader<&[u8]> {
    ReaderBuilder::new().trim(Trim::All).flexible(true).delimiter(separator).from_reader(text.as_bytes())
}

fn fields(record: &StringRecord, columns: &[Option<Column>]) -> Vec<(Column, String)> {
    let named = columns.iter().zip(record.iter());
    named.filter_map(|(column, text)| column.map(|column| (column, text.trim().to_owned()))).collect()
}

/// Reads the names of the columns from the first line.
fn columns(text: &str, separator: u8) -> Result<Vec<Option<Column>>, String> {
    let mut reader = reader(text, separator);
    let head = reader.headers().map_err(|_| "the first line cannot be read".to_owned())?;
    let column = |name: &str| {
        let name = name.trim().to_lowercase();
        COLUMNS.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(column, _)| *column)
    };
    let columns: Vec<_> = head.iter().map(column).collect();
    for (wanted, name) in [(Column::Name, "name"), (Column::Source, "source")] {
        match columns.iter().filter(|column| **column == Some(wanted)).count() {
            1 => {}
            0 => return Err(format!("the first line must name the columns; `{name}` is missing")),
            _ => return Err(format!("the first line names `{name}` more than once")),
        }
    }
    Ok(columns)
}

/// Parses a first line such as `sep=;`, which some spreadsheet programs write. Returns the separator and the rest of
/// the text.
fn separator_line(text: &str) -> Option<(u8, &str)> {
    let (first, rest) = text.split_once('\n').or_else(|| text.split_once('\r'))?;
    let first = first.strip_suffix('\r').unwrap_or(first);
    let said = first.trim_matches('"').to_ascii_lowercase();
    // Further commas may follow, one for each column, if a program has opened the file and saved it with commas.
    match said.strip_prefix("sep=")?.as_bytes() {
        [] => Some((b',', rest)),
        [separator, ..] if separator.is_ascii() => Some((*separator, rest)),
        _ => None,
    }
}

/// Decodes the text: UTF-8, UTF-16 or GB 18030, with or without a byte order mark.
fn decode(bytes: &[u8]) -> Result<(&'static Encoding, Cow<'_, str>), String> {
    let encoding = match Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding,
        None if std::str::from_utf8(bytes).is_ok() && !bytes.contains(&0) => UTF_8,
        // Names of columns or addresses are ASCII. In UTF-16, one of the two bytes of an ASCII character is zero: the
        // second one (odd offset) in little-endian, the first one (even offset) in big-endian.
        None => match zeros(bytes) {
            (even, odd) if odd > even => UTF_16LE,
            (even, odd) if even > odd => UTF_16BE,
            _ => GB18030,
        },
    };
    let (text, encoding, is_broken) = encoding.decode(bytes);
    if is_broken {
        return Err("the file is not in UTF-8, UTF-16 or GB 18030 (GBK); save it as CSV UTF-8".to_owned());
    }
    Ok((encoding, text))
}

/// Counts the zero bytes at even and at odd offsets.
fn zeros(bytes: &[u8]) -> (usize, usize) {
    let zeros = bytes.iter().enumerate().filter(|(_, byte)| **byte == 0);
    zeros.fold((0, 0), |(even, odd), (at, _)| if at % 2 == 0 { (even + 1, odd) } else { (even, odd + 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "id,name,source\nc1,东门,rtsp://a/1\n\nc2,西门,/b\n";

    fn names(bytes: &[u8]) -> Vec<(u64, String)> {
        let sheet = Sheet::read(bytes, 10).unwrap();
        sheet.lines.iter().map(|line| (line.number, line.text(Column::Name).to_owned())).collect()
    }

    fn utf_16(text: &str, to: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to).collect()
    }

    #[test]
    fn a_list_is_read_in_whatever_it_is_written() {
        let wanted = [(2, "东门".to_owned()), (4, "西门".to_owned())];
        let (gbk, _, _) = GB18030.encode(LIST);
        for bytes in [
            LIST.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", LIST.as_bytes()].concat(),
            gbk.into_owned(),
            utf_16(LIST, u16::to_le_bytes),
            utf_16(LIST, u16::to_be_bytes),
            utf_16(&format!("\u{feff}{LIST}"), u16::to_le_bytes),
            utf_16(&format!("\u{feff}{LIST}"), u16::to_be_bytes),
            LIST.replace('\n', "\r\n").into_bytes(),
            LIST.replace(',', ";").into_bytes(),
            utf_16(&format!("\u{feff}{}", LIST.replace(',', "\t").replace('\n', "\r\n")), u16::to_le_bytes),
            LIST.replace("id,name,source", "编号,名称,地址").into_bytes(),
        ] {
            assert_eq!(names(&bytes), wanted, "{bytes:02x?}");
        }
        assert!(Sheet::read(b"name,source\n\xff\xff\xff,a\n", 10).is_err());
    }

    #[test]
    fn a_first_line_that_says_the_separator_is_no_line_of_the_list() {
        for first in ["sep=;", "SEP=;\r", "\"sep=;\""] {
            let list = format!("{first}\nname;source;groups\nA;/a;\"x;y\"\n");
            let sheet = Sheet::read(list.as_bytes(), 10).unwrap();
            assert_eq!((sheet.separator, sheet.lines[0].number), (';', 3), "{first}");
            assert_eq!(sheet.lines[0].text(Column::Groups), "x;y");
        }
    }

    #[test]
    fn empty_lines_at_the_end_and_ragged_ones_are_no_fault() {
        assert_eq!(names(b"name,source,labels\nA,/a\n,,\n,,,,\n"), [(2, "A".to_owned())]);
        assert!(Sheet::read(b"name,sauce\nA,/a\n", 10).unwrap_err().contains("`source` is missing"));
        assert!(Sheet::read(b"name,source\nA,/a\nB,/b\n", 1).is_err());
        assert!(Sheet::read(b"", 1).is_err());
    }
}
