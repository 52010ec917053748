"""Writes Tests/Goldens/vision: small pictures of every kind and what Pillow, torchvision and timm make of them.

    pip install pillow==13.0.0 pillow-heif==1.8.1 numpy torch==2.13.0 torchvision==0.28.0 timm==1.0.29
    python Scripts/goldens/vision.py                                # the synthetic pictures
    python Scripts/goldens/vision.py --photographs ../shared/data   # and the manifest of photographs

Encoded files lie in Tests/Goldens/vision/files; expected pixels are concatenated in one array a kind, and the
JSON files say which part belongs to what.
"""

import argparse
import io
import json
import pathlib
import struct
import warnings
import zlib

import numpy
import PIL
from PIL import Image, ImageOps

assert PIL.__version__ == "13.0.0", PIL.__version__

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "Tests" / "Goldens" / "vision"
random = numpy.random.default_rng(20240607)


def picture(width, height, noise=40):
    """A smooth picture with some noise: both the DCT and the filters have something to do."""
    y, x = numpy.mgrid[0:height, 0:width].astype(float)
    channels = [
        128 + 100 * numpy.sin(x / 3 + y / 7),
        255 * x / max(width - 1, 1),
        128 + 90 * numpy.cos(x * y / 40),
    ]
    values = numpy.stack(channels, -1) + random.normal(0, noise, (height, width, 3))
    return numpy.clip(values, 0, 255).astype(numpy.uint8)


def reference(data):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if image.mode.startswith("I;16"):
        # Pillow clips 16-bit gray at 255. Swiftlet keeps the high byte, as Pillow does of 16-bit colour.
        gray = (numpy.asarray(image).astype(int) >> 8).astype(numpy.uint8)
        return numpy.repeat(gray[:, :, None], 3, axis=2)
    return numpy.asarray(image.convert("RGB"))


# ---- encoders -------------------------------------------------------------------------------------------------


def saved(image, form, **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def exif(orientation, big=False, kind=3):
    order = ">" if big else "<"
    head = b"MM\0*" if big else b"II*\0"
    size = {1: "Bxxx", 3: "Hxx", 4: "I"}[kind]
    entries = struct.pack(order + "HHI" + size, 0x0112, kind, 1, orientation)
    return head + struct.pack(order + "IH", 8, 1) + entries + bytes(4)


def xmp(orientation, element=False):
    text = f'<x tiff:Orientation="{orientation}"/>'
    if element:
        text = f"<tiff:Orientation>{orientation}</tiff:Orientation>"
    return f"<x:xmpmeta>tiff:OrientationX {text}</x:xmpmeta>".encode()


def with_segment(jpeg, *bodies):
    segments = b"".join(b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body for body in bodies)
    return jpeg[:2] + segments + jpeg[2:]


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def packed(samples, depth):
    return b"".join(packed_rows(samples, depth))


def packed_rows(samples, depth):
    """samples: [height, width, channels]; one filter byte and the packed samples a row."""
    rows = []
    for row in samples:
        flat = row.reshape(-1)
        if depth == 16:
            body = flat.astype(">u2").tobytes()
        else:
            bits = "".join(format(int(v), f"0{depth}b") for v in flat)
            bits += "0" * (-len(bits) % 8)
            body = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
        rows.append(b"\0" + body)
    return rows


def png(samples, depth, colour, before=b"", after=b"", interlaced=False):
    height, width, _ = samples.shape
    if interlaced:
        parts = [samples[y::dy, x::dx] for x, y, dx, dy in PASSES]
        raw = b"".join(packed(part, depth) for part in parts if part.size)
    else:
        raw = packed(samples, depth)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    data = zlib.compress(raw)
    middle = len(data) // 2
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + chunk(b"IDAT", data[:middle])
        + chunk(b"IDAT", data[middle:]) + after + chunk(b"IEND", b"")
    )


def bmp(rows, width, height, bits, compression=0, palette=b"", size=40, masks=(), colours=0, offset=None, raw=None):
    """rows: bytes objects in stored order, unpadded."""
    data = raw if raw is not None else b"".join(row + bytes(-len(row) % 4) for row in rows)
    if size == 12:
        header = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        fields = (size, width, height, 1, bits, compression, len(data), 2835, 2835, colours, 0)
        header = struct.pack("<IiiHHIIiiII", *fields)
        body = b"".join(struct.pack("<I", mask) for mask in masks)
        header += body if size == 40 else (body + bytes(size))[: size - 40]
    start = 14 + len(header) + len(palette)
    if offset is None:
        offset = start
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, offset) + header + palette + data


# ---- decoding -------------------------------------------------------------------------------------------------


def jpeg_files():
    colour = Image.fromarray(picture(37, 29))
    grey = colour.convert("L")
    ink = Image.fromarray(numpy.concatenate([picture(23, 17), picture(23, 17)[:, :, :1]], -1), "CMYK")
    files = {
        "444": saved(colour, "JPEG", quality=90, subsampling=0),
        "422": saved(colour, "JPEG", quality=80, subsampling=1),
        "420": saved(colour, "JPEG", quality=75, subsampling=2),
        "420_even": saved(colour.crop((0, 0, 32, 16)), "JPEG", quality=75, subsampling=2),
        "1x1": saved(colour.crop((0, 0, 1, 1)), "JPEG"),
        "1x9": saved(colour.crop((0, 0, 1, 9)), "JPEG"),
        "9x1": saved(colour.crop((0, 0, 9, 1)), "JPEG"),
        "quality10": saved(colour, "JPEG", quality=10),
        "progressive": saved(colour, "JPEG", progressive=True, quality=80),
        "progressive_grey": saved(grey, "JPEG", progressive=True),
        "restart": saved(colour, "JPEG", restart_marker_blocks=2),
        "rgb": saved(colour, "JPEG", keep_rgb=True),
        "grey": saved(grey, "JPEG"),
        "cmyk": saved(ink, "JPEG", quality=95),
        "cmyk_progressive": saved(ink, "JPEG", quality=60, progressive=True),
    }
    adobe = files["cmyk"].index(b"Adobe") + 11
    assert files["cmyk"][adobe] == 0
    files["ycck"] = files["cmyk"][:adobe] + b"\2" + files["cmyk"][adobe + 1 :]
    files["trailing_garbage"] = files["444"] + b"garbage"
    small = saved(Image.fromarray(picture(7, 5)), "JPEG", quality=90)
    for value in range(10):
        body = b"Exif\0\0" + exif(value, big=value % 2 == 0)
        files[f"orientation{value}"] = with_segment(small, body)
    files["orientation_long"] = with_segment(small, b"Exif\0\0" + exif(6, kind=4))
    files["orientation_byte"] = with_segment(small, b"Exif\0\0" + exif(3, kind=1))
    whole = b"Exif\0\0" + exif(8)
    files["orientation_split"] = with_segment(small, whole[:20], b"Exif\0\0" + whole[20:])
    packet = b"http://ns.adobe.com/xap/1.0/\0"
    files["orientation_xmp"] = with_segment(small, packet + xmp(5))
    files["orientation_xmp_element"] = with_segment(small, packet + xmp(7, element=True))
    files["orientation_exif_before_xmp"] = with_segment(small, packet + xmp(5), b"Exif\0\0" + exif(2))
    return files


def png_files():
    width, height = 19, 13
    files = {}
    colours = {0: ("grey", 1), 2: ("rgb", 3), 3: ("palette", 1), 4: ("grey_alpha", 2), 6: ("rgba", 4)}
    depths = {0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16]}
    for colour, (name, channels) in colours.items():
        for depth in depths[colour]:
            samples = random.integers(0, 1 << depth, (height, width, channels))
            table = chunk(b"PLTE", random.bytes(3 << depth)) if colour == 3 else b""
            for interlaced in (False, True):
                key = f"{name}{depth}" + ("_interlaced" if interlaced else "")
                files[key] = png(samples, depth, colour, table, interlaced=interlaced)
    ramp = numpy.array([0, 1, 127, 128, 254, 255, 256, 257, 300, 32768, 65280, 65535]).reshape(1, -1, 1)
    files["grey16_saturates"] = png(ramp, 16, 0)
    bytes_ = random.integers(0, 256, (5, 6, 3))
    files["rgb8_key"] = png(bytes_, 8, 2, chunk(b"tRNS", bytes(x for v in bytes_[0, 0] for x in (0, v))))
    files["grey8_key"] = png(bytes_[:, :, :1], 8, 0, chunk(b"tRNS", bytes([0, bytes_[0, 0, 0]])))
    indices = random.integers(0, 4, (5, 6, 1))
    table = chunk(b"PLTE", random.bytes(12))
    files["palette8_transparent"] = png(indices, 8, 3, table + chunk(b"tRNS", bytes([0, 128, 255])))
    files["palette2_transparent"] = png(indices, 2, 3, table + chunk(b"tRNS", bytes([0, 128])))
    files["palette8_short"] = png(random.integers(0, 9, (5, 6, 1)), 8, 3, table)
    files["rgb8_gamma"] = png(bytes_, 8, 2, chunk(b"gAMA", struct.pack(">I", 100000)))
    files["1x1"] = png(bytes_[:1, :1], 8, 2)
    files["1x7_interlaced"] = png(random.integers(0, 256, (7, 1, 3)), 8, 2, interlaced=True)
    files["filters"] = saved(Image.fromarray(picture(40, 30, noise=2)), "PNG")
    for value in range(1, 9):
        files[f"orientation{value}"] = png(bytes_, 8, 2, chunk(b"eXIf", exif(value, big=value % 2 == 1)))
    files["orientation_behind"] = png(bytes_, 8, 2, after=chunk(b"eXIf", exif(6)))
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(8)
    files["orientation_xmp"] = png(bytes_, 8, 2, chunk(b"iTXt", text))
    text = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp(4))
    files["orientation_xmp_compressed"] = png(bytes_, 8, 2, chunk(b"iTXt", text))
    profile = b"Exif\0\0" + exif(5)
    lines = f"\nexif\n{len(profile):8}\n{profile.hex()[:36]}\n{profile.hex()[36:]}\n".encode()
    files["orientation_raw_profile"] = png(
        bytes_, 8, 2, chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(lines))
    )
    return files


def webp_files():
    colour = Image.fromarray(picture(37, 29))
    alpha = numpy.concatenate([picture(21, 14), random.integers(0, 256, (14, 21, 1))], -1).astype(numpy.uint8)
    transparent = Image.fromarray(alpha)
    frames = [Image.fromarray(picture(20, 16)) for _ in range(3)]
    holed = numpy.array(transparent)
    holed[3:9, 4:15, 3] = 0
    files = {
        "lossy": saved(colour, "WEBP", quality=80),
        "lossy10": saved(colour, "WEBP", quality=10),
        "lossless": saved(colour, "WEBP", lossless=True),
        "lossy_alpha": saved(transparent, "WEBP", quality=70),
        "lossless_alpha": saved(transparent, "WEBP", lossless=True, exact=True),
        "lossless_holes": saved(Image.fromarray(holed), "WEBP", lossless=True),
        "animation": saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True),
        "animation_alpha": saved(
            Image.fromarray(holed), "WEBP", save_all=True, append_images=[transparent], quality=60
        ),
        "1x1": saved(colour.crop((0, 0, 1, 1)), "WEBP", lossless=True),
        "orientation_xmp": saved(colour.crop((0, 0, 7, 5)), "WEBP", xmp=xmp(3)),
    }
    # A first frame that does not fill the canvas: 9 × 6 at (4, 2) of 20 × 14.
    body = saved(Image.fromarray(holed[:6, :9]), "WEBP", lossless=True)[12:]
    frame = struct.pack("<HBHBHBHBHBB", 2, 0, 1, 0, 8, 0, 5, 0, 100, 0, 0) + body
    parts = [(b"VP8X", struct.pack("<IHBHB", 0x12, 19, 0, 13, 0)), (b"ANIM", bytes(6)), (b"ANMF", frame)]
    data = b"".join(name + struct.pack("<I", len(part)) + part + bytes(len(part) % 2) for name, part in parts)
    files["animation_offset"] = b"RIFF" + struct.pack("<I", len(data) + 4) + b"WEBP" + data
    for value in range(1, 9):
        data = exif(value) if value % 2 else b"Exif\0\0" + exif(value, big=True)
        files[f"orientation{value}"] = saved(colour.crop((0, 0, 7, 5)), "WEBP", lossless=True, exif=data)
    return files


# ---- GIF ------------------------------------------------------------------------------------------------------


def lzw(indices, bits):
    """LZW without compression: a clear code comes before codes grow."""
    bits = max(2, bits)
    codes = [1 << bits]
    for position, index in enumerate(indices):
        codes.append(int(index))
        if position % ((1 << bits) - 2) == (1 << bits) - 3:
            codes.append(1 << bits)
    codes.append((1 << bits) + 1)
    total = sum(code << (position * (bits + 1)) for position, code in enumerate(codes))
    data = total.to_bytes((len(codes) * (bits + 1) + 7) // 8, "little")
    blocks = b"".join(bytes([len(data[i : i + 255])]) + data[i : i + 255] for i in range(0, len(data), 255))
    return bytes([bits]) + blocks + b"\0"


def table_flag(table):
    return 0x80 | (len(table) // 3).bit_length() - 2 if table else 0


def gif(indices, screen=None, place=(0, 0), table=b"", own=b"", key=None, background=0, interlaced=False, end=b";"):
    height, width = indices.shape
    screen = screen or (width, height)
    head = b"GIF89a" + struct.pack("<HHBBB", *screen, table_flag(table), background, 0) + table
    if key is not None:
        head += b"!\xf9\4" + bytes([1, 0, 0, key]) + b"\0"
    head += b"!\xfe\5hello\0"
    frame = struct.pack("<HHHHB", *place, width, height, table_flag(own) | (0x40 if interlaced else 0)) + own
    order = range(height)
    if interlaced:
        order = [y for start, step in ((0, 8), (4, 8), (2, 4), (1, 2)) for y in range(start, height, step)]
    flat = [index for y in order for index in indices[y]]
    return head + b"," + frame + lzw(flat, 8) + end


def gif_files():
    colour = Image.fromarray(picture(37, 29))
    frames = [Image.fromarray(picture(20, 16)) for _ in range(3)]
    indices = random.integers(0, 8, (11, 9))
    eight, four = random.bytes(24), random.bytes(12)
    holed = colour.quantize(31)
    ramp = bytes(v for i in range(8) for v in (i, i, i))
    return {
        "colour": saved(colour, "GIF"),
        "colour_4": saved(colour.quantize(4), "GIF"),
        "colour_2": saved(colour.convert("1"), "GIF"),
        "grey": saved(colour.convert("L"), "GIF"),
        "pillow_key": saved(holed, "GIF", transparency=3),
        "pillow_interlaced": saved(colour, "GIF", interlace=1),
        "pillow_animation": saved(frames[0], "GIF", save_all=True, append_images=frames[1:], disposal=2),
        "1x1": saved(colour.crop((0, 0, 1, 1)), "GIF"),
        "plain": gif(indices, table=eight),
        "interlaced": gif(indices, table=eight, interlaced=True),
        "interlaced_1_row": gif(indices[:1], table=eight, interlaced=True),
        "interlaced_3_rows": gif(indices[:3], table=eight, interlaced=True),
        "own_table": gif(indices % 4, table=eight, own=four),
        "only_own_table": gif(indices % 4, own=four),
        "no_table": gif(indices),
        "ramp": gif(indices * 2, table=ramp),
        "short_table": gif(indices, table=four),
        "inset": gif(indices, screen=(15, 14), place=(3, 2), table=eight, background=5),
        "inset_key": gif(indices, screen=(15, 14), place=(3, 2), table=eight, background=5, key=6),
        "inset_no_table": gif(indices, screen=(15, 14), place=(3, 2), background=5),
        "outset": gif(indices, screen=(4, 5), place=(2, 1), table=eight),
        "no_screen": gif(indices, screen=(0, 0), table=eight),
        "key": gif(indices, table=eight, key=2),
        "no_trailer": gif(indices, table=eight, end=b""),
    }


# ---- TIFF -----------------------------------------------------------------------------------------------------


def tiff(tags, data, big=False):
    """A TIFF of one directory; tags: {number: (type, values)}; data: strips or tiles, whose offsets and sizes are added."""
    order = ">" if big else "<"
    offsets_tag, sizes_tag = (324, 325) if 322 in tags else (273, 279)
    start, places = 8, []
    for part in data:
        places.append(start)
        start += len(part) + len(part) % 2
    tags = dict(tags)
    tags[offsets_tag] = (4, places)
    tags[sizes_tag] = (4, [len(part) for part in data])
    kinds = {1: "B", 2: "B", 3: "H", 4: "I"}
    extra_start = start + 2 + 12 * len(tags) + 4
    entries, extra = b"", b""
    for number, (kind, values) in sorted(tags.items()):
        body = struct.pack(f"{order}{len(values)}{kinds[kind]}", *values)
        field = body.ljust(4, b"\0") if len(body) <= 4 else struct.pack(order + "I", extra_start + len(extra))
        if len(body) > 4:
            extra += body + bytes(len(body) % 2)
        entries += struct.pack(order + "HHI", number, kind, len(values)) + field
    body = b"".join(part + bytes(len(part) % 2) for part in data)
    head = (b"MM\0*" if big else b"II*\0") + struct.pack(order + "I", start)
    return head + body + struct.pack(order + "H", len(tags)) + entries + bytes(4) + extra


def tiff_of(samples, bits, photometric, big=False, separate=False, rows=None, tile=None, more=None, compress=None):
    """samples: [height, width, channels]."""
    height, width, channels = samples.shape
    tags = {
        256: (3, [width]), 257: (3, [height]), 258: (3, [bits] * channels), 259: (3, [8 if compress else 1]),
        262: (3, [photometric]), 277: (3, [channels]), 284: (3, [2 if separate else 1]),
    }
    tags.update(more or {})
    planes = [samples[:, :, i : i + 1] for i in range(channels)] if separate else [samples]
    parts = []
    for plane in planes:
        if tile:
            tags[322], tags[323] = (3, [tile]), (3, [tile])
            for y in range(0, height, tile):
                for x in range(0, width, tile):
                    block = numpy.zeros((tile, tile, plane.shape[2]), plane.dtype)
                    piece = plane[y : y + tile, x : x + tile]
                    block[: piece.shape[0], : piece.shape[1]] = piece
                    parts.append(block)
        else:
            step = rows or height
            tags[278] = (3, [step])
            parts += [plane[y : y + step] for y in range(0, height, step)]

    def coded(part):
        if bits == 16:
            return part.astype(">u2" if big else "<u2").tobytes()
        return b"".join(row[1:] for row in packed_rows(part, bits))

    data = [coded(part) for part in parts]
    if compress:
        data = [zlib.compress(part) for part in data]
    return tiff(tags, data, big)


def tiff_files():
    colour = Image.fromarray(picture(37, 29))
    grey = colour.convert("L")
    ink = Image.fromarray(numpy.concatenate([picture(23, 17), picture(23, 17)[:, :, :1]], -1), "CMYK")
    alpha = numpy.concatenate([picture(21, 14), random.integers(0, 256, (14, 21, 1))], -1).astype(numpy.uint8)
    files = {"pillow_rgba": saved(Image.fromarray(alpha), "TIFF"), "pillow_cmyk": saved(ink, "TIFF")}
    for name in ("raw", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "zstd", "lzma"):
        files[f"rgb_{name}"] = saved(colour, "TIFF", compression=name)
        files[f"grey_{name}"] = saved(grey, "TIFF", compression=name)
    files["rgb_predictor"] = saved(colour, "TIFF", compression="tiff_lzw", tiffinfo={317: 2})
    files["palette_lzw"] = saved(colour.quantize(40), "TIFF", compression="tiff_lzw")
    files["cmyk_lzw"] = saved(ink, "TIFF", compression="tiff_lzw")
    files["jpeg"] = saved(colour, "TIFF", compression="jpeg", quality=90)
    files["jpeg_grey"] = saved(grey, "TIFF", compression="jpeg")
    files["jpeg_cmyk"] = saved(ink, "TIFF", compression="jpeg")
    for name in ("group3", "group4", "raw", "packbits", "tiff_lzw"):
        files[f"bilevel_{name}"] = saved(colour.convert("1"), "TIFF", compression=name)
    pages = [Image.fromarray(picture(9, 7)) for _ in range(2)]
    files["pages"] = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:], compression="tiff_lzw")
    for big in (False, True):
        end = "_big" if big else ""
        for bits in (1, 2, 4, 8):
            samples = random.integers(0, 1 << bits, (9, 13, 1))
            files[f"white{bits}{end}"] = tiff_of(samples, bits, 0, big)
            files[f"black{bits}{end}"] = tiff_of(samples, bits, 1, big, rows=4)
            table = [int(v) for v in random.integers(0, 1 << 16, 3 << bits)]
            files[f"palette{bits}{end}"] = tiff_of(samples, bits, 3, big, more={320: (3, table)})
        deep = random.integers(0, 1 << 16, (9, 13, 4))
        files[f"black16{end}"] = tiff_of(deep[:, :, :1], 16, 1, big, rows=4)
        files[f"rgb16{end}"] = tiff_of(deep[:, :, :3], 16, 2, big)
        files[f"rgb16_deflate{end}"] = tiff_of(deep[:, :, :3], 16, 2, big, compress=True, rows=5)
        files[f"cmyk16{end}"] = tiff_of(deep, 16, 5, big)
        files[f"rgba16{end}"] = tiff_of(deep, 16, 2, big, more={338: (3, [2])})
        flat = random.integers(0, 256, (21, 35, 4))
        files[f"rgb8_separate{end}"] = tiff_of(flat[:, :, :3], 8, 2, big, separate=True, rows=8, compress=True)
        files[f"rgb8_tiles{end}"] = tiff_of(flat[:, :, :3], 8, 2, big, tile=16)
        files[f"grey8_tiles_deflate{end}"] = tiff_of(flat[:, :, :1], 8, 1, big, tile=16, compress=True)
        files[f"rgbx8{end}"] = tiff_of(flat, 8, 2, big, more={338: (3, [0])})
        files[f"rgba8{end}"] = tiff_of(flat, 8, 2, big, more={338: (3, [2])})
        files[f"premultiplied8{end}"] = tiff_of(flat, 8, 2, big, more={338: (3, [1])})
        files[f"grey_alpha8{end}"] = tiff_of(flat[:, :, :2], 8, 1, big, more={338: (3, [2])})
    few = random.integers(0, 256, (5, 7, 3))
    for value in range(10):
        files[f"orientation{value}"] = tiff_of(few, 8, 2, value % 2 == 0, more={274: (3, [value])})
    files["orientation_xmp"] = tiff_of(few, 8, 2, more={700: (1, list(xmp(6)))})
    files["1x1"] = tiff_of(few[:1, :1], 8, 2)
    files["fill_order"] = tiff_of(random.integers(0, 2, (9, 13, 1)), 1, 1, more={266: (3, [2])})
    return files


# ---- HEIC and AVIF --------------------------------------------------------------------------------------------


def heif_files(form):
    """Chroma is not subsampled and the picture is smooth, so that ways to convert colours differ by little."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    options = {"quality": 95, "chroma": 444} if form == "HEIF" else {"quality": 95, "subsampling": "4:4:4"}
    soft = Image.fromarray(picture(64, 48, noise=2))
    files = {
        "444": saved(soft, form, **options),
        # Softer still: halved chroma is brought back to size in ways of their own.
        "420": saved(Image.fromarray(picture(12, 9, noise=2)).resize((64, 48)), form, quality=80),
        "grey": saved(soft.convert("L").convert("RGB"), form, **options),
        "alpha": saved(Image.merge("RGBA", [*soft.split(), soft.getchannel(0)]), form, **options),
        "odd": saved(soft.crop((0, 0, 37, 29)), form, **options),
        "orientation6": saved(soft.crop((0, 0, 40, 24)), form, exif=exif(6), **options),
        "orientation2": saved(soft.crop((0, 0, 40, 24)), form, exif=exif(2), **options),
        "orientation8": saved(soft.crop((0, 0, 40, 24)), form, exif=exif(8), **options),
    }
    return files


# ---- damage ---------------------------------------------------------------------------------------------------


def entry(tag, kind, count, field, order="<"):
    return struct.pack(order + "HHI", tag, kind, count) + field


def directory(*entries, end=bytes(4), order="<", offset=8):
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", offset)
    return head + struct.pack(order + "H", len(entries)) + b"".join(entries) + end


def damaged_files():
    """EXIF that is damaged or odd, and PNG with wrong checksums: read, and turned or not, as Pillow does."""
    small = saved(Image.fromarray(picture(7, 5)), "JPEG", quality=90)
    six = entry(0x112, 3, 1, struct.pack("<HH", 6, 0))
    far = entry(0x10F, 2, 20, struct.pack("<I", 60000))
    make = entry(0x10F, 2, 4, b"ABC\0")
    blocks = {
        "short_by_2": directory(six, end=b"")[:-2],
        "short_by_1": directory(six, end=b"")[:-1],
        "no_next": directory(six, end=b""),
        "short_count": directory(six)[:9],
        "offset_odd": b"II*\0" + struct.pack("<I", 9) + b"\0" + directory(six)[8:],
        "offset_far": b"II*\0" + struct.pack("<I", 6000) + directory(six)[8:],
        "far_before": directory(far, six),
        "far_after": directory(six, far),
        "huge_before": directory(entry(0x10F, 2, 1 << 30, struct.pack("<I", 8)), six),
        "unknown_type_before": directory(entry(0x10F, 99, 1, bytes(4)), six),
        "no_value_before": directory(entry(0x10F, 2, 0, bytes(4)), six),
        "twice": directory(six, entry(0x112, 3, 1, struct.pack("<HH", 3, 0))),
        "more_entries": directory(make, six).replace(b"\2\0", b"\7\0", 1),
        "fewer_entries": directory(make, six).replace(b"\2\0", b"\1\0", 1),
        "rational": directory(entry(0x112, 5, 1, struct.pack("<I", 26))) + struct.pack("<II", 6, 1),
        "float": directory(entry(0x112, 11, 1, struct.pack("<f", 8))),
        "signed": directory(entry(0x112, 8, 1, struct.pack("<hH", 3, 0))),
        "negative": directory(entry(0x112, 8, 1, struct.pack("<hH", -3, 0))),
        "signed_byte": directory(entry(0x112, 6, 1, b"\6\0\0\0")),
        "undefined": directory(entry(0x112, 7, 1, b"\6\0\0\0")),
        "text": directory(entry(0x112, 2, 2, b"6\0\0\0")),
        "two_values": directory(entry(0x112, 3, 2, struct.pack("<HH", 6, 3))),
        "big_endian": directory(entry(0x112, 3, 1, struct.pack(">HH", 6, 0), ">"), order=">"),
        "wrong_order": b"MM*\0" + directory(six)[4:],
        "three_preambles": b"Exif\0\0Exif\0\0" + directory(six),
    }
    files = {f"exif_{name}.jpg": with_segment(small, b"Exif\0\0" + block) for name, block in blocks.items()}
    pixels = random.integers(0, 256, (5, 6, 3))
    whole = png(pixels, 8, 2, after=chunk(b"eXIf", exif(6)))

    def with_wrong(name, which=0):
        place = -1
        for _ in range(which + 1):
            place = whole.index(name, place + 1)
        size = struct.unpack(">I", whole[place - 4 : place])[0]
        end = place + 4 + size
        return whole[:end] + bytes([whole[end] ^ 1]) + whole[end + 1 :]

    files["png_first_idat.png"] = with_wrong(b"IDAT")
    files["png_second_idat.png"] = with_wrong(b"IDAT", 1)
    files["png_exif_behind.png"] = with_wrong(b"eXIf")
    files["png_end.png"] = with_wrong(b"IEND")
    files["png_no_end.png"] = whole[:-12]
    extra = png(pixels, 8, 2, chunk(b"eXIf", directory(six)[:-8]))
    files["png_exif_short.png"] = extra
    return files


def write_damaged():
    folder = OUT / "damaged"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    manifest, pixels, start = [], [], 0
    for file, data in damaged_files().items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                expected = reference(data)
            except SyntaxError:
                # A header that is none: Pillow reads the picture, and fails to turn it.
                expected = numpy.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        (folder / file).write_bytes(data)
        height, width, _ = expected.shape
        manifest.append({"file": file, "width": width, "height": height, "start": start})
        pixels.append(expected.reshape(-1))
        start += expected.size
    write("damaged", manifest, numpy.concatenate(pixels))


def runs(indices, nibbles):
    """Run-length codes: runs, literals and ends of line."""
    out = bytearray()
    for y, row in enumerate(indices.tolist()):
        x = 0
        while x < len(row):
            run = 1
            while x + run < len(row) and row[x + run] == row[x] and run < 255:
                run += 1
            rest = row[x : x + 7]
            if run < 3 and len(rest) >= 3:
                out += bytes([0, len(rest)])
                if nibbles:
                    padded = rest + [0] * (len(rest) % 2)
                    body = bytes(padded[i] << 4 | padded[i + 1] for i in range(0, len(padded), 2))
                else:
                    body = bytes(rest)
                out += body + bytes(len(body) % 2)
                x += len(rest)
            else:
                out += bytes([run, row[x] << 4 | row[x] if nibbles else row[x]])
                x += run
        out += b"\0\0" if y < len(indices) - 1 else b"\0\1"
    return bytes(out)


def bmp_files():
    width, height = 13, 9
    colour = random.integers(0, 256, (height, width, 3)).astype(numpy.uint8)
    bgr = [row[:, ::-1].tobytes() for row in colour[::-1]]
    bgra = [numpy.concatenate([row[:, ::-1], row[:, :1]], -1).tobytes() for row in colour[::-1]]
    words = [row.astype("<u2").tobytes() for row in random.integers(0, 65536, (height, width))]
    quads = [row.astype("<u4").tobytes() for row in random.integers(0, 1 << 32, (height, width))]

    def table(count, entry=4):
        return b"".join(random.bytes(3) + bytes(entry - 3) for _ in range(count))

    def rows_of(indices, bits):
        return [packed(row.reshape(1, -1, 1), bits)[1:] for row in indices]

    files = {
        "24": bmp(bgr, width, height, 24),
        "24_top_down": bmp(bgr, width, -height, 24),
        "24_core": bmp(bgr, width, height, 24, size=12),
        "24_os2v2": bmp(bgr, width, height, 24, size=64),
        "24_no_offset": bmp(bgr, width, height, 24, offset=0),
        "24_mask": bmp(bgr, width, height, 24, 3, masks=(0xFF0000, 0xFF00, 0xFF)),
        "32": bmp(bgra, width, height, 32),
        "32_v4": bmp(bgra, width, height, 32, 3, size=108, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
        "32_v5": bmp(bgra, width, height, 32, 3, size=124, masks=(0xFF0000, 0xFF00, 0xFF, 0)),
        "32_zero_masks": bmp(bgra, width, height, 32, 3, size=56, masks=(0, 0, 0, 0)),
        "32_abgr": bmp(quads, width, height, 32, 3, size=108, masks=(0xFF000000, 0xFF0000, 0xFF00, 0xFF)),
        "32_rgba": bmp(quads, width, height, 32, 3, size=108, masks=(0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
        "32_xbgr": bmp(quads, width, height, 32, 3, masks=(0xFF000000, 0xFF0000, 0xFF00)),
        "32_v2": bmp(quads, width, height, 32, 3, size=52, masks=(0xFF0000, 0xFF00, 0xFF)),
        "16": bmp(words, width, height, 16),
        "16_555": bmp(words, width, height, 16, 3, masks=(0x7C00, 0x3E0, 0x1F)),
        "16_565": bmp(words, width, height, 16, 3, masks=(0xF800, 0x7E0, 0x1F)),
        "16_565_top_down": bmp(words, width, -height, 16, 3, masks=(0xF800, 0x7E0, 0x1F)),
        "pillow_rgba": saved(Image.fromarray(numpy.dstack([colour, colour[:, :, 0]])), "BMP"),
        "pillow_grey": saved(Image.fromarray(colour).convert("L"), "BMP"),
        "pillow_1": saved(Image.fromarray(colour).convert("1"), "BMP"),
        "pillow_palette": saved(Image.fromarray(colour).quantize(17), "BMP"),
    }
    for bits in (1, 4, 8):
        indices = random.integers(0, 1 << bits, (height, width))
        rows = rows_of(indices, bits)
        count = 1 << bits
        files[f"{bits}"] = bmp(rows, width, height, bits, palette=table(count), colours=count)
        files[f"{bits}_core"] = bmp(rows, width, height, bits, palette=table(count, 3), size=12)
        files[f"{bits}_top_down"] = bmp(rows, width, -height, bits, palette=table(count))
        palette = table(count)
        files[f"{bits}_offset_without_palette"] = bmp(rows, width, height, bits, palette=palette, offset=54)
    few = random.integers(0, 5, (height, width))
    files["8_short_palette"] = bmp(rows_of(few, 8), width, height, 8, palette=table(4), colours=4)
    black_white = b"\0\0\0\0\xff\xff\xff\0"
    files["1_black_white"] = bmp(rows_of(few % 2, 1), width, height, 1, palette=black_white, colours=2)
    few[:, 5:] = few[:, 5:6]
    files["rle8"] = bmp([], width, height, 8, 1, palette=table(256), raw=runs(few, False))
    files["rle4"] = bmp([], width, height, 4, 2, palette=table(16), raw=runs(few, True))
    delta = b"\3\1\0\2\4\1\2\3\0\0" + runs(few[:2], False)
    files["rle8_delta"] = bmp([], width, 4, 8, 1, palette=table(256), raw=delta)
    return files


def write_files(manifest_name, folder_name, kinds):
    folder = OUT / folder_name
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    manifest, pixels, start = [], [], 0
    for extension, make in kinds.items():
        for name, data in make().items():
            try:
                expected = reference(data)
            except Exception as error:
                raise RuntimeError(f"{extension} {name}") from error
            file = f"{extension}_{name}.{extension}"
            (folder / file).write_bytes(data)
            height, width, _ = expected.shape
            manifest.append({"file": file, "width": width, "height": height, "start": start})
            pixels.append(expected.reshape(-1))
            start += expected.size
    write(manifest_name, manifest, numpy.concatenate(pixels))


def write_decoded():
    write_files("decoded", "files", {"jpg": jpeg_files, "png": png_files, "webp": webp_files, "bmp": bmp_files})


def write_formats():
    """The formats that a build may leave out. From a generator of their own, so that the files above stay as they are."""
    global random
    random = numpy.random.default_rng(20251125)
    kinds = {"gif": gif_files, "tif": tiff_files, "heic": lambda: heif_files("HEIF"), "avif": lambda: heif_files("AVIF")}
    write_files("formats", "formats", kinds)


# ---- resizing -------------------------------------------------------------------------------------------------

FILTERS = {
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
SIZES = [
    ((37, 23), [(37, 23), (17, 11), (16, 23), (37, 9), (1, 1), (1, 23), (37, 1), (43, 31), (36, 24), (5, 41)]),
    # Tall, on both sides of the line where Pillow 13 resizes the rows first.
    ((15, 23), [(12, 16), (12, 17), (12, 18), (19, 22), (19, 24), (14, 6), (4, 1), (15, 9)]),
    ((1, 1), [(1, 1), (3, 2), (7, 1)]),
    ((1, 17), [(1, 5), (3, 17), (4, 40)]),
    ((64, 1), [(9, 1), (64, 3), (100, 2)]),
    ((61, 50), [(16, 16), (17, 13), (7, 3)]),
]


def tensorflow_bilinear(source, width, height, half_pixel):
    """TensorFlow's kernel, step by step in float32 (TensorFlow itself is not needed)."""
    f32 = numpy.float32

    def neighbours(size, target):
        scale = f32(size) / f32(target)
        index = numpy.arange(target, dtype=f32)
        position = (index + f32(0.5)) * scale - f32(0.5) if half_pixel else index * scale
        floor = numpy.floor(position)
        lower = numpy.maximum(floor.astype(int), 0)
        upper = numpy.minimum(numpy.ceil(position).astype(int), size - 1)
        return lower, upper, (position - floor).astype(f32)

    values = source.astype(f32)
    top, bottom, down = neighbours(source.shape[0], height)
    left, right, across = neighbours(source.shape[1], width)
    across, down = across[None, :, None], down[:, None, None]
    above = values[top][:, left] + (values[top][:, right] - values[top][:, left]) * across
    below = values[bottom][:, left] + (values[bottom][:, right] - values[bottom][:, left]) * across
    result = above + (below - above) * down
    assert result.dtype == f32
    return result


def write_resized():
    sources, manifest, results, floats = [], [], [], []
    start = position = float_position = 0
    for (width, height), targets in SIZES:
        source = picture(width, height, noise=80)
        # Full contrast makes the cubic filters overshoot.
        source[::2, ::3] = 255 * (source[::2, ::3] > 128)
        entry = {"width": width, "height": height, "start": start, "results": [], "floats": []}
        sources.append(source.reshape(-1))
        start += source.size
        for name, pillow in FILTERS.items():
            for target in targets:
                result = numpy.asarray(Image.fromarray(source).resize(target, pillow))
                entry["results"].append(
                    {"filter": name, "width": target[0], "height": target[1], "start": position}
                )
                results.append(result.reshape(-1))
                position += result.size
        for half_pixel in (False, True):
            for target in targets[1:3]:
                result = tensorflow_bilinear(source, *target, half_pixel)
                if half_pixel:
                    check_half_pixel(source, result)
                entry["floats"].append(
                    {"halfPixel": half_pixel, "width": target[0], "height": target[1], "start": float_position}
                )
                floats.append(result.reshape(-1))
                float_position += result.size
        manifest.append(entry)
    write("resized", manifest, numpy.concatenate(results))
    numpy.save(OUT / "resized_sources.npy", numpy.concatenate(sources))
    numpy.save(OUT / "resized_floats.npy", numpy.concatenate(floats))


def check_half_pixel(source, result):
    """PyTorch has the same rule, in its own order of operations."""
    import torch

    values = torch.from_numpy(source.astype(numpy.float32)).permute(2, 0, 1)[None]
    other = torch.nn.functional.interpolate(
        values, size=result.shape[:2], mode="bilinear", align_corners=False, antialias=False
    )
    assert numpy.abs(other[0].permute(1, 2, 0).numpy() - result).max() < 1e-3


# ---- preprocessing --------------------------------------------------------------------------------------------


def presets():
    import torch

    import loadable  # noqa: F401, before torchvision

    from timm.data import create_transform
    from torchvision import transforms

    bilinear = transforms.InterpolationMode.BILINEAR
    crop = {}
    for resolution, resize in ((224, 256), (160, 183), (32, 36), (96, 64)):
        crop[f"torchvision {resolution} {resize}"] = transforms.Compose(
            [transforms.Resize(resize, interpolation=bilinear), transforms.CenterCrop(resolution)]
        )
    for resolution, fraction, mode in ((224, 0.875, "bicubic"), (32, 0.95, "bicubic"), (65, 0.9, "bilinear")):
        whole = create_transform(
            (3, resolution, resolution), is_training=False, interpolation=mode, crop_pct=fraction
        )
        steps = [s for s in whole.transforms if isinstance(s, (transforms.Resize, transforms.CenterCrop))]
        assert len(steps) == 2, whole
        crop[f"timm {resolution} {fraction} {mode}"] = transforms.Compose(steps)
    normalise = transforms.Compose(
        [
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    return crop, normalise, torch


def write_presets():
    crop, normalise, _ = presets()
    manifest = []
    for width, height in [(300, 231), (90, 120), (41, 41), (500, 20), (20, 333), (255, 257)]:
        # The test makes the same picture by the same rule.
        y, x = numpy.mgrid[0:height, 0:width]
        source = numpy.stack([(7 * x + 3 * y) % 256, (x * y) % 256, (x * x + 5 * y) % 256], -1).astype(numpy.uint8)
        entry = {"width": width, "height": height, "results": []}
        for name, transform in crop.items():
            result = numpy.asarray(transform(Image.fromarray(source)))
            entry["results"].append({"preset": name, "side": result.shape[0], "crc": zlib.crc32(result.tobytes())})
        manifest.append(entry)
    (OUT / "presets.json").write_text(json.dumps(manifest, indent=1) + "\n")
    # Every byte in every channel, through ToTensor and Normalize: [256, 1, 3].
    ramp = numpy.repeat(numpy.arange(256, dtype=numpy.uint8)[:, None, None], 3, axis=2)
    tensor = normalise(Image.fromarray(ramp)).permute(1, 2, 0).contiguous().numpy()
    numpy.save(OUT / "normalised.npy", tensor)


def write_photographs(data):
    crop, _, _ = presets()
    manifest = []
    folders = [data / "images" / "imagenet100_orig", data / "images" / "coral_test"]
    for file in (file for folder in folders for file in sorted(folder.iterdir())):
        if file.name == "LICENSE":
            continue
        image = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
        manifest.append(
            {
                "file": f"{file.parent.name}/{file.name}",
                "width": image.width,
                "height": image.height,
                "decoded": zlib.crc32(image.tobytes()),
                "torchvision": zlib.crc32(crop["torchvision 224 256"](image).tobytes()),
                "timm": zlib.crc32(crop["timm 224 0.875 bicubic"](image).tobytes()),
            }
        )
    lines = ",\n".join(" " + json.dumps(entry) for entry in manifest)
    (OUT / "photographs.json").write_text(f"[\n{lines}\n]\n")


# ---- arrays ---------------------------------------------------------------------------------------------------


def write_arrays():
    """What the reader of .npy files must understand, written by NumPy."""
    folder = OUT / "arrays"
    folder.mkdir(exist_ok=True)
    numpy.save(folder / "float32.npy", (numpy.arange(24, dtype="<f4") / 7 - 1).reshape(2, 3, 4))
    numpy.save(folder / "float64.npy", numpy.arange(5, dtype="<f8") / 3)
    numpy.save(folder / "int64.npy", numpy.array([-1, 0, 1 << 40], dtype="<i8"))
    numpy.save(folder / "uint8.npy", numpy.arange(6, dtype="u1").reshape(3, 2))
    numpy.save(folder / "scalar.npy", numpy.float32(2.5))
    numpy.save(folder / "empty.npy", numpy.zeros((0, 4), dtype="<f4"))
    numpy.save(folder / "fortran.npy", numpy.asfortranarray(numpy.arange(6, dtype="<f4").reshape(2, 3)))
    numpy.save(folder / "int16.npy", numpy.arange(3, dtype="<i2"))
    numpy.save(folder / "big_endian.npy", numpy.arange(3, dtype=">f4"))
    with open(folder / "version2.npy", "wb") as stream:
        numpy.lib.format.write_array(stream, numpy.arange(4, dtype="<f4"), version=(2, 0))


def write(name, manifest, array):
    (OUT / f"{name}.json").write_text(json.dumps(manifest, indent=1) + "\n")
    numpy.save(OUT / f"{name}.npy", array)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--photographs", type=pathlib.Path)
    options = arguments.parse_args()
    write_decoded()
    write_resized()
    write_presets()
    write_arrays()
    write_formats()
    write_damaged()
    if options.photographs:
        write_photographs(options.photographs)
