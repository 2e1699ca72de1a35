"""Where libFuzzer begins, and what it puts in: all of it made up."""

from __future__ import annotations


def utf8(*texts: str) -> tuple[bytes, ...]:
    return tuple(text.encode() for text in texts)


COMPLAINTS = utf8(
    "Giao hàng trễ ba ngày, gọi tổng đài không ai nghe. Nhân viên thì dễ thương nhưng app lỗi hoài 😡",
    "Shop bảo gọi hotline, hotline kêu hỏi kho, kho lại chỉ về shop; cuối cùng chẳng ai hoàn tiền!!!",
    "khong hai long, goi cskh thi bao cho, ke toan noi chua chuyen tien... quay lai shop",
    "I asked the shop, they sent me to support, support told me to call the courier (v.v.) :))",
    "1) TP.HCM 3.5 sao\n2) www.a.com\r\n- ổn\n👍🏽👨‍👩‍👧 e\u0302\u0301",
)
PERSONAL = utf8(
    "SĐT em 0912 345 678, gọi 84-912-345-678 hoặc +1 (202) 555-0143",
    "CCCD 001099012345 của chị Nguyễn Thị Hoa, số 12/3 đường Lê Lợi, phường Bến Nghé, quận 1",
    "mail a.b+c@example.com.vn, thẻ 4111 1111 1111 1111, STK 0011004123456 Vietcombank",
    "đơn 123456789012 giá 1.250.000đ ngày 21/11/2026 MST 0301234567 [phone] [name:0a1b2c3d4e]",
    "０９１２\u200b345\u200d678 o chin mot hai ba bon nam sau bay tam",
)
JSONS = utf8(
    '{"text": "tốt", "scores": {"nps": 9}, "attributes": {"vùng": "Bắc", "n": 1.5, "b": true}}',
    '[{"text": "a", "occurred_at": "2026-11-21T08:30:00+07:00"}, {"Nội dung": "b"}, null, 3]',
    '{"text":"a"}\n\n{"text": "b", "external_id": "7"}\r\n[1e400, -0.0, "\\ud83d\\ude21"]\n',
)
CSVS = (
    *utf8(
        '\x00id,text\n1,"a ""b"", c\nd"\n2,x\n',
        '\x01Nội dung;Ngày\n"tốt; rẻ";21/11/2026\n',
        '\x02text\tNPS\tVùng\nchậm\t9.0\tBắc\n"\topen\n',
        '\x00text,occurred_at,scores,attributes\na,2026-11-21,"{""nps"": 3}","{""k"": 1}"\n',
        "\x03a,b\r\nx,2026-01-01\r\n",
    ),
    b"\x01" + "Nội dung,b\nrẻ,1\n".encode("utf-16"),
    b"\x00text,n\nkh\xf4ng,1\n",
)
REVIEWS = utf8(
    "Package Name,App Version Name,Reviewer Language,Device,Review Submit Date and Time,"
    "Review Submit Millis Since Epoch,Star Rating,Review Title,Review Text,Review Link\n"
    'vn.example,1.0,vi,x,2026-11-02T03:04:05Z,1793588645000,2,Chậm,"Hay ""đứng""\nlắm",https://a.b/?reviewId=7\n',
    "Date,Rating,Title,Review,Territory,App Version\nNov 2, 2026,5,Tốt,Rẻ,VN,2.1\n2026/11/02,1.0,,x,,\n",
)
MAILS = utf8(
    "From a@b.vn Mon Nov  2 08:00:00 2026\nFrom: Lan <lan@example.vn>\nSubject: =?utf-8?q?Ch=E1=BA=ADm?=\n"
    "Date: Mon, 2 Nov 2026 08:00:00 +0700\nMessage-ID: <1@b>\nContent-Type: text/plain; charset=utf-8\n\n"
    "Giao chậm quá\n\nOn 1 Nov 2026 at 10:00, Shop <s@b.vn> wrote:\n> chào\n",
    "From a Mon Nov  2 08:00:00 2026\nFrom: x@b\nContent-Type: multipart/alternative; boundary=q\n\n--q\n"
    "Content-Type: text/html\nContent-Transfer-Encoding: base64\n\nPHA+eDwvcD4=\n--q--\n"
    "From b Tue Nov  3 08:00:00 2026\nAuto-Submitted: auto-replied\n\nout\n",
)
HTML = utf8(
    "<div>Giao <b>chậm</b>&nbsp;quá<br>x &lt; 3</div><blockquote>cũ<p>b</p></blockquote><!-- c -->"
    "<script>1</script>",
    "<ul><li>a<li>b</ul><pre>c\r\nd</pre><table><tr><td>e<td>f</table><style>g",
    "Chào,\nVào T5, 19 thg 11, 2026 lúc 10:15 A <a@b.vn> đã viết:\n> b\n-- \nLan\nSent from my phone",
    "x\n-----Original Message-----\nFrom: a\nSent: b\nd",
)
HOOKS = (
    b"\x04" + b'{"event": "message_created", "message_type": "incoming", "content": "a", "id": 1}',
    b'\x01\x00\x05\x07{"a": [1, null]}',
    b'\x02\x01\x09\x00"2026-11-02"',
    b"\x03\x02\x03\x00[]",
    b"\x03\x03\x08\x001e400",
    b"\x02\x04\x0a\x00-1",
    b"\x02\x05\x0c\x00null",
    b'\x01\x06\x02\x09"\\ud800"',
    b"\x02\x07\x01\x00true",
    b"\x02\x08\x06\x00<p>x</p>",
)
EXPRESSIONS = utf8(
    "t",
    "a[0].b",
    "a[?c > `2`].b | [0]",
    "pairs(o)[0].key",
    "lookup(a, 'b', 'tốt').c",
    "after(t, '>')",
    "words(t)[1]",
    "join(', ', a[].b)",
    "sort_by(a, &c)",
    "to_number(n)",
    "length(@)",
    "o.* | max(@)",
    "a[::-1]",
)
QUERIES = utf8('giao hàng "gọi lại" đổi', 'NOT ( a* : ^b OR "', "ǅ ﬁ ① ² a_b x-y", "e\u0302\u0301 'c'")
CURSORS = (
    b'\x01["2026-11-21T08:30:00.000Z", "abc"]',
    b'\x01["least_sure", 0.5, 12]',
    b"\x01[1, 2]",
    b'\x01["\\ud800", "b"]',
    b"\xffWyJhIiwgImIiXQ",
    b"\xff====",
    b'\x50["least_sure", 1e400, 9223372036854775808]',
)

CUES = (
    "nhưng", "nhưng mà", "tuy nhiên", "but", "however", "và", "rồi", "thì", "tổng đài", "cskh", "kho", "shop",
    "kế toán", "gọi lại", "bảo", "quay lại", "chuyển", "không", "mà", "v.v.", "...", ";", "!?", ", ", " - ",
    "👍", ":))", "\r\n", "\n", "e\u0301", "đ", "Đ", "\u200d", "\ufeff",
)  # fmt: skip
FORMS = (
    "0912345678", "+84", "84", "0", "CCCD", "CMND", "số", "đường", "phường", "quận", "hẻm", "chị", "anh",
    "tên", "Nguyễn", "Văn", "@", "example.com", "STK", "thẻ", "MST", "[phone]", "[name]", "[email", "1900",
    " \u200b", "４", "không", "chín", "bảy", "/", "-", ".", "(", ")", "VCB", "TP.HCM", "tp", "ông", "Mr",
    "đồng", "đ", "k",
)  # fmt: skip
