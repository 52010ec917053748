// LayoutTests.swift: data sets as people lay them out, in folders and in archives: the classes, parts and counts that a person names.

import Foundation
import SwiftletData
import TestSupport
import Testing

/// A layout and its meaning.
struct Layout: Sendable, CustomTestStringConvertible {
  let name: String
  /// Paths; `a/1.jpg*3` are three files.
  let files: [String]
  /// `training cat 2 dog 2; validation cat 1 dog 1`, or `refused: a part of the error`.
  let meaning: String
  /// Parts of remarks that must be there; where there are none, no remark may be.
  let remarks: [String]
  /// Parts of notes that must be there.
  let notes: [String]

  init(_ name: String, _ files: [String], _ meaning: String, remarks: [String] = [], notes: [String] = []) {
    (self.name, self.files, self.meaning, self.remarks, self.notes) = (name, files, meaning, remarks, notes)
  }

  var testDescription: String { name }

  /// Two classes below a folder.
  static func pair(_ folder: String, _ count: Int = 2) -> [String] {
    ["\(folder)/cat/a.jpg*\(count)", "\(folder)/dog/b.jpg*\(count)"]
  }

  private static let two = "training cat 2 dog 2; validation cat 1 dog 1"
  private static let three = "training cat 3 dog 3; validation cat 2 dog 2; test cat 1 dog 1"

  /// Names of folders for training and validation, in the wild.
  static let pairs: [(String, String)] = [
    ("train", "val"), ("train", "valid"), ("train", "validation"), ("train", "test"), ("train", "dev"),
    ("train", "eval"),
    ("training", "testing"), ("training", "validation"), ("Train", "Test"), ("TRAIN", "VAL"),
    ("Training", "Test"),
    ("training_set", "test_set"), ("train_set", "val_set"), ("trainset", "testset"), ("trn", "val"),
    ("train", "holdout"),
    ("fruit_train", "fruit_val"), ("images-train", "images-test"), ("train2017", "val2017"),
    ("train_images", "val_images"),
    ("TrainingSet", "ValidationSet"), ("data.train", "data.eval"), ("my train", "my test"),
    ("01_train", "02_valid"),
    ("train", "Val"), ("imagenette_train", "imagenette_val"), ("train", "evaluation"),
    ("train-data", "test-data"),
    ("trainval", "test"), ("seg_train", "seg_test"), ("训练集", "测试集"), ("train (1)", "validation (1)"),
    ("train", "hold-out"),
  ]

  /// Names of three folders.
  static let triples: [(String, String, String)] = [
    ("train", "val", "test"), ("Train", "Valid", "Test"), ("training", "validation", "testing"),
    ("train", "dev", "test"),
    ("train_set", "eval_set", "test_set"), ("x_train", "x_val", "x_test"), ("trn", "val", "tst"),
    ("TRAIN", "DEV", "HOLDOUT"),
  ]

  static let all: [Layout] =
    pairs.map { training, other in
      Layout(
        "\(training) and \(other)", pair(training) + pair(other, 1), two,
        notes: ["training in \(training)/"])
    }
    + triples.map { training, validation, test in
      Layout(
        "\(training), \(validation), \(test)", pair(training, 3) + pair(validation, 2) + pair(test, 1), three,
        notes: ["test in \(test)/"])
    } + [
      // Classes.
      Layout("plain", ["cat/a.jpg*2", "dog/b.jpg*3"], "training cat 2 dog 3"),
      Layout(
        "deep", ["cat/x/y/a.jpg*2", "dog/z/b.jpg*3"], "training cat 2 dog 3",
        notes: ["has folders of its own"]),
      Layout(
        "a class called train", ["bus/a.jpg*2", "car/b.jpg*2", "train/c.jpg*2"],
        "training bus 2 car 2 train 2",
        notes: ["'train' is a class"]),
      Layout(
        "classes train and test tube", ["test tube/a.jpg*2", "flask/b.jpg*2", "train/c.jpg*2"],
        "training flask 2 test tube 2 train 2", notes: ["are classes"]),
      Layout(
        "a class called train with folders", ["bus/1/a.jpg*2", "car/1/b.jpg*2", "train/1/c.jpg*2"],
        "training bus 2 car 2 train 2", notes: ["'train' is a class"]),
      Layout(
        "words that only begin so",
        ["strainer/a.jpg*2", "contest/b.jpg*2", "trainers/c.jpg*2", "valley/d.jpg*2"],
        "training contest 2 strainer 2 trainers 2 valley 2"),
      Layout(
        "spaces and letters", ["red panda/a.jpg*2", "苹果/b.jpg*2", "Ærø/c.jpg*1"],
        "training red panda 2 Ærø 1 苹果 2"),
      // Folders around.
      Layout(
        "one around", pair("flowers/train") + pair("flowers/val", 1), two,
        notes: ["the data set is in flowers/"]),
      Layout(
        "two around", pair("data/images/train") + pair("data/images/val", 1), two, notes: ["data/images/"]),
      Layout(
        "around classes", ["archive/animals/cat/a.jpg*2", "archive/animals/dog/a.jpg*2"],
        "training cat 2 dog 2",
        notes: ["archive/animals/"]),
      Layout("inside parts", pair("seg_train/seg_train") + pair("seg_test/seg_test", 1), two),
      Layout("only train", pair("train"), "training cat 2 dog 2", notes: ["train/"]),
      Layout("images in parts", pair("train/images") + pair("val/images", 1), two),
      // Parts in classes.
      Layout(
        "in classes", ["cat/train/a.jpg*2", "cat/val/a.jpg*1", "dog/train/b.jpg*2", "dog/val/b.jpg*1"], two,
        notes: ["inside each class"]),
      Layout(
        "in classes, three",
        [
          "cat/Train/a.jpg*3", "cat/Val/a.jpg*2", "cat/Test/a.jpg*1", "dog/Train/a.jpg*3", "dog/Val/a.jpg*2",
          "dog/Test/a.jpg*1",
        ],
        three),
      Layout(
        "in some classes only", ["cat/train/a.jpg*2", "cat/val/a.jpg", "dog/b.jpg*2"],
        "refused: parts in some classes only"),
      Layout(
        "in classes, around",
        ["x/cat/train/a.jpg*2", "x/cat/test/a.jpg*1", "x/dog/train/b.jpg*2", "x/dog/test/b.jpg*1"],
        two),
      // More than parts.
      Layout(
        "unlabeled test", pair("train") + ["test/1.jpg*3"], "training cat 2 dog 2",
        remarks: ["test/ with 3 images (not in class folders)"]),
      Layout(
        "a folder to predict",
        pair("seg_train/seg_train") + pair("seg_test/seg_test", 1) + ["seg_pred/seg_pred/1.jpg*4"], two,
        remarks: ["seg_pred/ with 4 images"]),
      Layout(
        "unlabeled beside", pair("train") + pair("val", 1) + ["unlabeled/1.jpg*3"], two,
        remarks: ["unlabeled/ with 3 images"]),
      Layout(
        "train and train_clean", pair("train") + pair("train_clean") + pair("val", 1), two,
        remarks: ["train_clean/ with 4 images"]),
      Layout(
        "val and dev", pair("train") + pair("val", 1) + pair("dev", 1), two, remarks: ["dev/ with 2 images"]),
      Layout(
        "train_a and train_b", pair("train_a") + pair("train_b") + pair("val", 1),
        "refused: all seem to be the training part"),
      Layout(
        "a folder beside train", pair("train") + ["bus/1.jpg*3"],
        "refused: a part and something else, or two classes"),
      Layout(
        "parts of other classes",
        ["train/cat/a.jpg*2", "train/dog/a.jpg*2", "test/bus/a.jpg*2", "test/car/b.jpg*2"],
        "refused: share no class"),
      Layout("val and test without train", pair("val") + pair("test"), "refused: no training part"),
      Layout("parts without classes", ["train/1.jpg*3", "val/2.jpg*3"], "refused: no class folders"),
      Layout(
        "CycleGAN's", ["trainA/1.jpg*2", "trainB/1.jpg*2", "testA/2.jpg*2", "testB/2.jpg*2"],
        "refused: no class folders"),
      Layout(
        "a class of validation only", pair("train") + pair("val", 1) + ["val/bird/1.jpg"],
        "refused: the class 'bird' of the validation part"),
      Layout(
        "a class without validation", pair("train") + ["val/cat/1.jpg"],
        "training cat 2 dog 2; validation cat 1",
        remarks: ["the validation part has no image of 1 class: dog"]),
      Layout(
        "classes in another case", pair("train") + ["val/Cat/1.jpg", "val/DOG/1.jpg"], two,
        remarks: ["'Cat' of the validation part is taken for 'cat'", "'DOG'"]),
      // Names.
      Layout(
        "names", ["beagle_1.jpg*2", "Abyssinian_2.jpg*3"], "training Abyssinian 3 beagle 2",
        notes: ["from the names of the files"]),
      Layout(
        "names with points", ["train/cat.0.jpg*2", "train/dog.0.jpg*2", "test/cat.5.jpg", "test/dog.6.jpg"],
        two),
      Layout(
        "names with numbers", ["apple (1).jpg", "apple (2).jpg", "pear 3.jpg", "pear 4.jpg"],
        "training apple 2 pear 2"),
      Layout(
        "names in images/", ["images/Egyptian_Mau_1.jpg*2", "images/pug_2.jpg*2", "annotations/list.txt"],
        "training Egyptian_Mau 2 pug 2", notes: ["annotations/ has no images"]),
      Layout("camera names", ["IMG_1.jpg*2", "DSC_2.jpg*2"], "refused: no class folders"),
      Layout("numbers", ["1.jpg", "2.jpg"], "refused: no class folders"),
      Layout("one class", ["cat/1.jpg*3"], "refused: only the folder 'cat'; at least 2 classes are needed"),
      Layout(
        "a list beside", ["images/1.jpg*3", "labels.csv"],
        "refused: labels.csv lists the classes, give that file"),
      // Junk and others.
      Layout(
        "NAS", ["cat/a.jpg*2", "dog/b.jpg*2", "@eaDir/cat/a.jpg*3", "cat/@eaDir/x.jpg", "#recycle/c.jpg"],
        "training cat 2 dog 2",
        notes: ["ignored: #recycle, @eaDir"]),
      Layout(
        "Mac",
        [
          "cat/a.jpg*2", "cat/._a.jpg", "dog/b.jpg*2", ".DS_Store", "__MACOSX/cat/._a.jpg",
          ".AppleDouble/cat/a.jpg",
        ],
        "training cat 2 dog 2", notes: ["ignored: .AppleDouble, .DS_Store, ._*, __MACOSX"]),
      Layout(
        "Windows",
        [
          "cat/a.jpg*2", "cat/Thumbs.db", "dog/b.jpg*2", "dog/desktop.ini", "$RECYCLE.BIN/S-1/a.jpg",
          "System Volume Information/x",
        ], "training cat 2 dog 2", notes: ["$RECYCLE.BIN, System Volume Information, Thumbs.db, desktop.ini"]),
      Layout(
        "Linux", ["cat/a.jpg*2", "dog/b.jpg*2", "lost+found/x", ".Trash-1000/files/a.jpg", ".git/HEAD"],
        "training cat 2 dog 2",
        notes: ["ignored: .Trash-1000, .git, lost+found"]),
      Layout(
        "Python", ["cat/a.jpg*2", "dog/b.jpg*2", "__pycache__/x.pyc", ".ipynb_checkpoints/a-checkpoint.jpg"],
        "training cat 2 dog 2",
        notes: ["ignored: .ipynb_checkpoints, __pycache__"]),
      Layout(
        "junk in parts",
        pair("train") + pair("val", 1) + ["train/.ipynb_checkpoints/x.jpg", "val/cat/@eaDir/b.jpg"], two),
      Layout(
        "other kinds",
        [
          "cat/a.jpg*2", "cat/layers.psd", "cat/b.jxl", "dog/b.jpg*2", "dog/empty.jpg", "dog/page.jpg",
          "readme.txt",
        ],
        "training cat 2 dog 2",
        remarks: [
          "left out: 1 HTML page (dog/page.jpg), 1 JPEG XL image (cat/b.jxl), 1 Photoshop document (cat/layers.psd), "
            + "1 empty file (dog/empty.jpg)"
        ],
        notes: ["not images: 1 text file (readme.txt)"]),
      Layout(
        "endings do not count",
        ["cat/a.jfif", "cat/b", "cat/c.JPG", "dog/d.txt", "dog/e.gif_", "dog/f.jpeg.bak"],
        "training cat 3 dog 3"),
      Layout(
        "loose images", ["cat/a.jpg*2", "dog/b.jpg*2", "cover.jpg"], "training cat 2 dog 2",
        remarks: ["left out: 1 image beside the class folders (cover.jpg)"]),
      Layout(
        "annotations", ["cat/a.jpg*2", "dog/b.jpg*2", "annotations/a.xml*2"], "training cat 2 dog 2",
        notes: ["annotations/ has no images (2 XML documents"]),
      Layout(
        "a class that cannot be read", ["cat/a.jpg*2", "dog/b.jpg*2", "owl/a.psd*2"],
        "refused: owl: the folder of a class, but it has no images that can be read, but 2 Photoshop documents"
      ),
      Layout(
        "nothing that can be read", ["cat/a.psd*2", "dog/a.psd*2"],
        "refused: no images that can be read, but 4 Photoshop documents"),
    ]
}

@Suite struct LayoutTests {
  /// Bytes that suit a name: pictures, but for some endings.
  private static func content(_ path: String, _ number: Int) -> [UInt8] {
    let name = path.lowercased()
    if name.hasSuffix(".psd") { return Array("8BPS".utf8) + [UInt8](repeating: 1, count: 40 + number) }
    if name.hasSuffix(".jxl") { return [0xFF, 0x0A, 1, 2, 3, 4] }
    if name.hasSuffix("empty.jpg") { return [] }
    if name.hasSuffix("page.jpg") { return Array("<!DOCTYPE html><html></html>".utf8) }
    if name.hasSuffix("readme.txt") { return Array("text".utf8) }
    if name.hasSuffix(".xml") || name.hasSuffix("readme.txt") || name.hasSuffix("list.txt") {
      return Array("<?xml?> text".utf8)
    }
    if name.hasSuffix(".csv") { return Array("a,b\n".utf8) }
    return bitmap(red: UInt8(number % 251), green: UInt8(path.utf8.reduce(0) { $0 &+ Int($1) } % 251))
  }

  private static func files(_ layout: Layout) -> [(name: String, content: [UInt8])] {
    layout.files.flatMap { pattern -> [(String, [UInt8])] in
      let parts = pattern.split(separator: "*")
      let path = String(parts[0])
      guard parts.count == 2, let count = Int(parts[1]) else { return [(path, content(path, 0))] }
      let dot = path.lastIndex(of: ".") ?? path.endIndex
      return (0..<count).map { ("\(path[..<dot])\($0)\(path[dot...])", content(path, $0)) }
    }
  }

  static func text(_ split: DatasetSplit) -> String {
    split.parts.map { part, images in
      var counts = [Int](repeating: 0, count: images.classes.count)
      for index in 0..<images.count { counts[images.label(index)] += 1 }
      let words = zip(images.classes, counts).filter { $1 > 0 }.map { "\($0) \($1)" }
      return "\(part.rawValue) \(words.joined(separator: " "))"
    }.joined(separator: "; ")
  }

  private func check(_ layout: Layout, _ path: String) throws {
    let split: DatasetSplit
    do {
      split = try DatasetSplit.open(path: path, holdOut: 0, seed: 1)
    } catch {
      let line = "\(error)"
      #expect(line.split(whereSeparator: \.isNewline).count == 1)
      #expect(layout.meaning.hasPrefix("refused: ") && line.contains(layout.meaning.dropFirst(9)), "\(line)")
      return
    }
    #expect(Self.text(split) == layout.meaning)
    let (remarks, notes) = (split.notes.remarks, split.notes.notes)
    #expect(layout.remarks.isEmpty == remarks.isEmpty, "\(remarks)")
    for remark in layout.remarks {
      #expect(remarks.contains { $0.contains(remark) }, "\(remark): \(remarks)")
    }
    for note in layout.notes { #expect(notes.contains { $0.contains(note) }, "\(note): \(notes)") }
    for (_, images) in split.parts where images.count > 0 {
      #expect(try images.image(images.count - 1).width == 4)
    }
  }

  @Test(arguments: Layout.all) func meansWhatAPersonSees(_ layout: Layout) throws {
    let files = Self.files(layout)
    try Files.withScratch { root in
      let folder = root.appending(path: "set")
      for (name, content) in files { try folder.write(name, content) }
      try check(layout, folder.path)
      try root.write("set.zip", zipArchive(files))
      try check(layout, root.appending(path: "set.zip").path)
      try root.write("set.tar.gz", gzip(tarArchive(files)))
      try check(layout, root.appending(path: "set.tar.gz").path)
    }
  }

  @Test func thereAreManyLayouts() { #expect(Layout.all.count >= 80) }

  @Test func archivesAreFoundByTheirBytes() throws {
    let files = (0..<6).map { ("set/\($0 % 2 == 0 ? "cat" : "dog")/\($0).jpg", bitmap(red: UInt8($0))) }
    try Files.withScratch { root in
      let archives = [
        ("plain.tar", tarArchive(files)), ("packed.tgz", gzip(tarArchive(files))),
        ("noending", zipArchive(files)),
        ("wrong.zip.gz", gzip(tarArchive(files))), ("upper.ZIP", zipArchive(files)),
      ]
      for (name, bytes) in archives {
        try root.write(name, bytes)
        let split = try DatasetSplit.open(path: root.appending(path: name).path, holdOut: 0, seed: 1)
        #expect(Self.text(split) == "training cat 3 dog 3", "\(name)")
        #expect(split.training.name(0).hasSuffix("\(name)/set/cat/0.jpg"))
        #expect(try split.training.image(1).pixels[0] == 2)
      }
      let packed = gzip(tarArchive(files))
      for (name, bytes) in [
        ("short.tar.gz", Array(packed.prefix(packed.count / 2))),
        ("text.gz", gzip(Array("no archive at all".utf8))),
        ("sheet.xlsx", zipArchive(files)), ("set.rar", Array("Rar!\u{1A}\u{7}".utf8)),
        ("list.json", Array("[1, 2]".utf8)),
      ] {
        try root.write(name, bytes)
        let line = try refusal(root, name)
        #expect(line.hasPrefix("ROOT/\(name): "), "\(line)")
      }
    }
  }

  /// Links in a tar archive are the files that they lead to; those that lead out of it are counted.
  @Test func linksInTarArchivesAreFollowed() throws {
    try Files.withScratch { root in
      let set = root.appending(path: "set")
      for index in 0..<4 {
        try set.write("\(index % 2 == 0 ? "cat" : "dog")/\(index).jpg", bitmap(red: UInt8(index)))
      }
      let manager = FileManager.default
      func path(_ name: String) -> String { set.appending(path: name).path }
      try manager.linkItem(atPath: path("cat/0.jpg"), toPath: path("dog/hard.jpg"))
      for (link, target) in [
        ("cat/soft.jpg", "../dog/1.jpg"), ("cat/chain.jpg", "soft.jpg"), ("cat/out.jpg", "/etc/hostname"),
        ("dog/above.jpg", "../../../x.jpg"), ("dog/gone.jpg", "nothing.jpg"), ("dog/loop.jpg", "loop.jpg"),
      ] { try manager.createSymbolicLink(atPath: path(link), withDestinationPath: target) }
      let tar = Process()
      tar.executableURL = URL(filePath: "/usr/bin/env")
      let archive = root.appending(path: "set.tar").path
      tar.arguments = ["tar", "-cf", archive, "-C", root.path, "set"]
      try tar.run()
      tar.waitUntilExit()
      #expect(tar.terminationStatus == 0)
      let split = try DatasetSplit.open(path: archive, holdOut: 0, seed: 1)
      #expect(Self.text(split) == "training cat 4 dog 3")
      let reds = try (0..<split.training.count).map { index in
        (
          split.training.name(index).split(separator: "/").last.map(String.init) ?? "",
          try split.training.image(index).pixels[0]
        )
      }
      let expected: [String: UInt8] = [
        "0.jpg": 0, "2.jpg": 2, "soft.jpg": 1, "chain.jpg": 1, "1.jpg": 1, "3.jpg": 3, "hard.jpg": 0,
      ]
      #expect(Dictionary(uniqueKeysWithValues: reds) == expected)
      #expect(
        split.notes.notes.contains { $0.contains("links to no file of the archive (4)") },
        "\(split.notes.notes)")
    }
  }

  /// An archive with an archive as its last entry is read by its own directory.
  @Test func anInnerArchiveIsAFile() throws {
    let pictures = (0..<4).map { ("\($0 % 2 == 0 ? "cat" : "dog")/\($0).jpg", bitmap(red: UInt8($0))) }
    let inner = zipArchive([("x.txt", Array("x".utf8)), ("y/z.jpg", bitmap(red: 1))])
    // An end record and a Zip64 locator that point anywhere, as in a checkpoint.
    let record =
      Array("PK\u{6}\u{6}".utf8) + littleEndian(UInt64(44)) + [45, 0, 45, 0] + [UInt8](repeating: 0, count: 8)
      + littleEndian(UInt64(1)) + littleEndian(UInt64(1)) + littleEndian(UInt64(9)) + littleEndian(UInt64(0))
    let long =
      record + Array("PK\u{6}\u{7}".utf8) + [0, 0, 0, 0] + littleEndian(UInt64(0)) + [1, 0, 0, 0]
      + Array("PK\u{5}\u{6}".utf8) + [UInt8](repeating: 0xFF, count: 16) + [0, 0]
    for (name, last) in [
      ("inner.zip", inner), ("model.pth", long), ("deep.zip", zipArchive([("inner.zip", inner)])),
      ("empty.zip", zipArchive([])), ("notes.bin", inner + [UInt8](repeating: 7, count: 300)),
    ] {
      try Files.withScratch { root in
        try root.write("set.zip", zipArchive(pictures + [(name, last)]))
        let split = try DatasetSplit.open(path: root.appending(path: "set.zip").path, holdOut: 0, seed: 1)
        #expect(Self.text(split) == "training cat 2 dog 2", "\(name)")
      }
    }
  }

  @Test func limitsAreBalancedAndSeeded() throws {
    try Files.withScratch { root in
      for index in 0..<40 { try root.write("train/a/\(index).bmp", bitmap(red: UInt8(index))) }
      for index in 0..<6 { try root.write("train/b/\(index).bmp", bitmap(red: UInt8(index), green: 9)) }
      for index in 0..<4 {
        try root.write("val/\(index % 2 == 0 ? "a" : "b")/\(index).bmp", bitmap(red: UInt8(index), green: 8))
      }
      let split = try DatasetSplit.open(path: root.path, seed: 1)
      let limited = try split.limited(to: 10, seed: 1)
      #expect(Self.text(limited) == "training a 5 b 5; validation a 2 b 2")
      #expect(limited.notes.notes.last == "limited to 10 images of each part, balanced over the classes")
      #expect(Self.text(try split.limited(to: 20, seed: 1)) == "training a 14 b 6; validation a 2 b 2")
      let names = (0..<10).map(limited.training.name)
      #expect(names == (0..<10).map(try split.limited(to: 10, seed: 1).training.name))
      #expect(names != (0..<10).map(try split.limited(to: 10, seed: 2).training.name))
      #expect(try split.limited(to: 100, seed: 1).notes == split.notes)
    }
  }

  @Test func theOverviewFindsWhatMatters() throws {
    try Files.withScratch { root in
      for index in 0..<24 { try root.write("train/cat/\(index).bmp", bitmap(red: UInt8(index))) }
      for index in 0..<2 { try root.write("train/dog/\(index).bmp", bitmap(red: UInt8(index), green: 1)) }
      try root.write("val/cat/a.bmp", bitmap(red: 3))
      try root.write("val/cat/b.bmp", bitmap(red: 200))
      try root.write("val/dog/c.bmp", bitmap(red: 201))
      try root.write("train/dog/wrong.bmp", bitmap(red: 5))
      let split = try DatasetSplit.open(path: root.path, seed: 1)
      let overview = DataOverview(split.anyTargets, path: root.path)
      #expect(overview.training == 27 && overview.validation == 3 && overview.test == 0)
      #expect(overview.classes.map(\.training) == [24, 3] && overview.classes.map(\.validation) == [2, 1])
      #expect(overview.imbalance == 8 && overview.smallest.map(\.name) == ["dog", "cat"])
      #expect(overview.duplicates.acrossParts == 1 && overview.duplicates.acrossClasses == 1)
      #expect(overview.duplicates.examples.count == 2)
      #expect(
        overview.remarks.count == 2
          && overview.remarks[0].contains("1 image of validation or test is in another part"))
      #expect(overview.lines[0] == "\(root.path): 2 classes, images: 27 training, 3 validation")
      try FileManager.default.removeItem(at: root.appending(path: "train/dog/0.bmp"))
      try FileManager.default.removeItem(at: root.appending(path: "train/dog/1.bmp"))
      let larger = DataOverview(try DatasetSplit.open(path: root.path, seed: 1).anyTargets, path: "x")
      #expect(larger.remarks.contains("imbalance: 'cat' has 24 training images, 'dog' 1"))
    }
  }

  @Test(
    .enabled(if: Files.hasShared, "needs ../shared/reports"),
    arguments: [
      ("data/split_training_testing", "training cat 4 dog 4; validation cat 2 dog 2"),
      ("data/three", "training cat 6 dog 6; validation cat 2 dog 2; test cat 3 dog 3"),
      ("data/vehicles_mixed", "training bus 6 car 6 train 6"), ("data/jfif", "training cat 10 dog 4"),
      ("data/nas", "training cat 4 dog 4"), ("zip/inner_archive.zip", "training cat 4 dog 4"),
      ("csv/header_image_id-label.csv", "training cat 6 dog 6"),
      ("csv/semicolons.csv", "training cat 6 dog 6"),
      ("csv/three_parts.csv", "training cat 6 dog 6; validation cat 2 dog 2; test cat 3 dog 3"),
    ])
  func reportedInputsAreRead(_ input: (path: String, meaning: String)) throws {
    let file = try #require(Files.shared("reports/\(input.path)"))
    let split = try DatasetSplit.open(path: file.path, holdOut: 0, seed: 1)
    #expect(Self.text(split) == input.meaning)
    #expect(split.notes.remarks.isEmpty)
  }
}
