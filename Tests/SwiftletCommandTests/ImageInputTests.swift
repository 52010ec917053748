// ImageInputTests.swift: images as people have them: from pipes, in folders, under odd names, of other kinds, damaged.

import Foundation
import SwiftletModules
import TestSupport
import Testing

/// A run of a shell's command line, in which `$0` is the tool.
enum Shell {
  static func run(_ script: String, _ arguments: [String] = [], in folder: URL? = nil) throws -> ToolRun {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/bash")
    process.arguments = ["-c", script, Tool.path] + arguments
    process.environment = ProcessInfo.processInfo.environment
      .merging(["SWIFTLET_CACHE": "/nonexistent/swiftlet-cache", "LC_ALL": "C.UTF-8"]) { $1 }
    process.currentDirectoryURL = folder
    return try ToolRun(running: process)
  }
}

@Suite struct ImageInputTests {
  // MARK: Standard input

  @Test func imagesComeFromPipes() throws {
    try Workplace.with { place in
      let file = try Tool.run(["classify", place.photo, "--weights", place.model, "--json"])
      let expected = try object(file.output)["predictions"] as? [[String: Any]]
      let ways = [
        "cat \"$1\" | \"$0\" classify - --weights \"$2\" --json": "-",
        "\"$0\" classify - --weights \"$2\" --json < \"$1\"": "-",
        "cat \"$1\" | \"$0\" classify /dev/stdin --weights \"$2\" --json": "/dev/stdin",
        "\"$0\" classify /dev/stdin --weights \"$2\" --json < \"$1\"": "/dev/stdin",
        "cat \"$1\" | \"$0\" classify --json --weights \"$2\" -- -": "-",
      ]
      for (script, name) in ways {
        let run = try Shell.run(script, [place.photo, place.model])
        #expect(run.status == 0 && run.errors.isEmpty, "\(script): \(run)")
        let answer = try object(run.output)
        #expect(answer["file"] as? String == name)
        let predictions = answer["predictions"] as? [[String: Any]]
        #expect(
          predictions?.compactMap { $0["probability"] as? Double }
            == expected?.compactMap { $0["probability"] as? Double }, "\(script)")
      }
      let substituted = try Shell.run(
        "\"$0\" classify <(cat \"$1\") --weights \"$2\" --json", [place.photo, place.model])
      #expect(substituted.status == 0 && substituted.output.contains("predictions"), "\(substituted)")

      let embedded = try Shell.run(
        "cat \"$1\" | \"$0\" embed - --weights \"$2\"", [place.photo, place.model])
      #expect(
        try embedded.output
          == Tool.run(["embed", place.photo, "--weights", place.model]).output
          .replacing(place.photo.replacing("/", with: "\\/"), with: "-")
          .replacing(place.photo, with: "-"))
      let output = place.folder.appending(path: "x.npy").path
      let prepared = try Shell.run(
        "cat \"$1\" | \"$0\" preprocess - --model embedded --output \"$2\"", [place.photo, output])
      #expect(prepared.status == 0 && prepared.output.contains("1×32×32×3"), "\(prepared)")
    }
  }

  @Test func whatPipesBringElseIsOneLine() throws {
    try Workplace.with { place in
      let cases = [
        ": ": "the file is empty", "echo hello": "a text file", "printf '%%PDF-1.4'": "a PDF document",
        "head -c 3000 \"$1\"": "truncated JPEG",
        "head -c 300 /dev/zero": "not a JPEG",
      ]
      for (script, words) in cases {
        let run = try Shell.run(
          script + " | \"$0\" classify - --weights \"$2\"", [place.photo, place.model])
        #expect(run.isCleanFailure(naming: "standard input: ", words), "\(script): \(run)")
      }
      let closed = try Shell.run("\"$0\" classify - --weights \"$2\" <&-", [place.photo, place.model])
      #expect(closed.isCleanFailure(naming: "standard input"), "\(closed)")
    }
  }

  // MARK: Names

  @Test func namesThatAreNotUTF8AreNamesAllTheSame() throws {
    try Workplace.with { place in
      let scripts = [
        "cp \"$1\" $'bad\\xff.jpg' && \"$0\" classify $'bad\\xff.jpg' --weights \"$2\" --json",
        "mkdir d && cp \"$1\" $'d/bad\\xff.jpg' && \"$0\" classify d --weights \"$2\" --json",
        "mkdir $'f\\xe9' && cp \"$1\" $'f\\xe9/a.jpg' && \"$0\" classify $'f\\xe9' --weights \"$2\" --json",
      ]
      for script in scripts {
        let run = try Shell.run(script, [place.photo, place.model], in: place.folder)
        #expect(run.status == 0 && run.lines.count == 1, "\(script): \(run)")
      }
      let text = try Shell.run(
        "\"$0\" classify $'bad\\xff.jpg' --weights \"$2\"", [place.photo, place.model], in: place.folder)
      #expect(text.lines.first == "bad\\xff.jpg", "\(text)")
      let missing = try Shell.run(
        "\"$0\" classify $'none\\xfe.jpg' --weights \"$2\"", [place.photo, place.model], in: place.folder)
      #expect(missing.isCleanFailure(naming: "none\\xfe.jpg: no such file"), "\(missing)")
      let weights = try Shell.run(
        "\"$0\" classify \"$1\" --weights $'none\\xfe.pth'", [place.photo], in: place.folder)
      #expect(weights.isCleanFailure(naming: "none\\xfe.pth"), "\(weights)")
    }
  }

  @Test func controlCharactersInNamesAreWrittenOut() throws {
    try Workplace.with { place in
      let photo = try Data(contentsOf: URL(filePath: place.photo))
      for (name, shown) in [
        ("red\u{1B}[31m.jpg", "red\\x1b[31m.jpg"), ("two\nlines.jpg", "two\\nlines.jpg"),
        ("tab\t.jpg", "tab\\t.jpg"), ("bell\u{7}.jpg", "bell\\x07.jpg"), ("del\u{7F}.jpg", "del\\x7f.jpg"),
        ("貓 🦉 ü.jpg", "貓 🦉 ü.jpg"),
      ] {
        try photo.write(to: place.folder.appending(path: name))
        let run = try Tool.run(["classify", name, "--weights", place.model, "--top", "1"], in: place.folder)
        #expect(run.status == 0 && run.lines.first == shown && run.lines.count == 2, "\(run)")
        let json = try Tool.run(["classify", name, "--weights", place.model, "--json"], in: place.folder)
        #expect(try object(json.output)["file"] as? String == name)
        let missing = try Tool.run(["classify", "no " + name, "--weights", place.model], in: place.folder)
        #expect(missing.isCleanFailure(naming: "no \(shown): no such file"), "\(missing)")
        #expect(!missing.errors.contains("\u{1B}"))
      }
    }
  }

  // MARK: Folders

  @Test func aFolderIsItsImagesAtAnyDepthAndWhatIsLeftOutIsCounted() throws {
    try Workplace.with { place in
      let photo = try Data(contentsOf: URL(filePath: place.photo))
      let root = place.folder.appending(path: "holiday")
      let images = [
        "a.jpg", "b.jfif", "c", "d.txt", "day 1/x.JPG", "day 1/deep/er/y.jpg", "z.heic", "ü/貓.jpg",
      ]
      let junk = [
        ".hidden.jpg", "._a.jpg", "@eaDir/a.jpg", "__MACOSX/a.jpg", "$RECYCLE.BIN/a.jpg", "lost+found/a.jpg",
        "Thumbs.db", ".git/a.jpg", "desktop.ini",
      ]
      let others: [(String, String)] = [
        ("notes.jpg", "hello"), ("list.csv", "a,b\n"), ("paper.pdf", "%PDF-1.4"),
        ("page.jpg", "<!DOCTYPE html>"), ("clip.jpg", "\0\0\0\u{18}ftypmp42\0\0\0\0isom"), ("empty.jpg", ""),
        ("what.bin", "\0\u{1}\u{2}"),
      ]
      for name in images + junk {
        let url = root.appending(path: name)
        try FileManager.default.createDirectory(
          at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try photo.write(to: url)
      }
      for (name, text) in others { try Data(text.utf8).write(to: root.appending(path: name)) }
      // Links that lead up, and nowhere.
      #expect(symlink(root.path, root.appending(path: "day 1/up").path) == 0)
      #expect(symlink("/nonexistent", root.appending(path: "gone.jpg").path) == 0)
      let run = try Tool.run(["classify", root.path, "--weights", place.model, "--json"])
      #expect(run.status == 0, "\(run)")
      #expect(
        try run.lines.map { try #require(try object($0)["file"] as? String) }
          == images.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { "\(root.path)/\($0)" })
      #expect(
        run.errors == "swiftlet: 8 files left out: 2 text files, 1 HTML page, 1 PDF document, 1 broken link, "
          + "1 empty file, 1 file of an unknown kind, 1 video (MP4)\n", "\(run.errors)")
      // The same by another spelling, and embed.
      let slash = try Tool.run(["embed", root.path + "/", "--weights", place.model])
      #expect(slash.status == 0 && slash.lines.count == images.count)

      let none = place.folder.appending(path: "none")
      try FileManager.default.createDirectory(
        at: none.appending(path: "below"), withIntermediateDirectories: true)
      let empty = try Tool.run(["classify", none.path, "--weights", place.model])
      #expect(empty.isCleanFailure(naming: "none: the folder has no images\n"), "\(empty)")
      try Data("x".utf8).write(to: none.appending(path: "below/a.jpg"))
      let text = try Tool.run(["classify", none.path, "--weights", place.model])
      #expect(text.isCleanFailure(naming: "none: the folder has no images: 1 text file\n"), "\(text)")
    }
  }

  // MARK: Kinds

  @Test func aFileThatIsNoImageIsCalledByItsKind() throws {
    try Workplace.with { place in
      let kinds: [(String, String)] = [
        ("%PDF-1.7", "a PDF document"), ("<html><body>", "an HTML page"), ("<svg/>", "an SVG drawing"),
        ("version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"), ("some words", "a text file"),
        ("\0\0\0\u{18}ftypisom\0\0\0\0isom", "a video (MP4)"), ("", "the file is empty"),
        ("PK\u{3}\u{4}", "a zip archive"),
      ]
      for (index, (bytes, words)) in kinds.enumerated() {
        let path = try place.file("photo\(index).jpg", bytes.utf8)
        let run = try Tool.run(["classify", path, "--weights", place.model])
        #expect(run.isCleanFailure(naming: "photo\(index).jpg: ", words), "\(run)")
      }
    }
  }

  @Test func everyFormatOfThisBuildIsClassified() throws {
    let folder = Files.golden("vision/formats").path
    let files = ["gif_colour.gif", "tif_rgb16.tif", "tif_jpeg_cmyk.tif", "heic_420.heic", "avif_444.avif"]
    for file in files {
      let bytes = [UInt8](try Data(contentsOf: URL(filePath: "\(folder)/\(file)")))
      let format = try #require(ImageFormat(recognizing: bytes))
      let run = try Tool.run(["classify", "\(folder)/\(file)", "--model", "embedded", "--json"])
      if format.isDecoded {
        #expect(run.status == 0 && run.errors.isEmpty, "\(run)")
      } else {
        #expect(run.status == 1 && run.output.contains("this build has no"), "\(run)")
      }
    }
  }

  // MARK: Damage

  @Test(.enabled(if: Files.shared("reports/images") != nil, "needs ../shared/reports"))
  func damageThatIsPutUpWithIsRemarked() throws {
    let file = try #require(Files.shared("reports/images/idat_checksum.png")).path
    for command in [["classify", file, "--json"], ["classify", file]] {
      let run = try Tool.run(command + ["--model", "embedded"])
      #expect(run.status == 0 && run.lines.count >= 1, "\(run)")
      #expect(
        run.errors
          == "swiftlet: warning: \(file): wrong checksum of the pixel data; the image was read all the same\n"
      )
    }
    let deep = try Tool.run([
      "classify", try #require(Files.shared("reports/images/grey16.png")).path, "--model", "embedded",
      "--csv",
    ])
    let plain = try Tool.run([
      "classify", try #require(Files.shared("reports/images/plain_grey.png")).path, "--model", "embedded",
      "--csv",
    ])
    #expect(deep.output.replacing("grey16", with: "plain_grey") == plain.output && deep.status == 0)
  }
}
