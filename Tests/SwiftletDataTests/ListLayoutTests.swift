// ListLayoutTests.swift: lists as spreadsheets, scripts and competitions write them.

import Foundation
import SwiftletData
import TestSupport
import Testing

/// A list and its meaning.
struct ListLayout: Sendable, CustomTestStringConvertible {
  let name: String
  let text: String
  let meaning: String
  var file = "list.csv"
  var encoding = String.Encoding.utf8
  var mark: [UInt8] = []
  var notes: [String] = []
  var remarks: [String] = []

  var testDescription: String { name }

  private static let two = "training cat 2 dog 2"
  private static let parted = "training cat 1 dog 1; validation cat 1 dog 1"

  static let all: [ListLayout] =
    // Files in every case: images/1.jpg to 4.jpg (cats 1 and 2), cat/5.jpg, dog/6.jpg, top.jpg, é.jpg, "my cat.jpg".
    [
      ("comma", ","), ("semicolon", ";"), ("tab", "\t"), ("pipe", "|"), ("space", " "), ("spaces", "   "),
      ("comma and space", ", "),
    ].flatMap { name, separator -> [ListLayout] in
      let rows = ["images/1.jpg", "images/2.jpg", "images/3.jpg", "images/4.jpg"]
      let body = rows.enumerated().map { "\($1)\(separator)\($0 < 2 ? "cat" : "dog")" }
      return [
        ListLayout(name: name, text: body.joined(separator: "\n"), meaning: two, notes: ["no header"]),
        ListLayout(
          name: "\(name), header",
          text: (["image_id\(separator)label"] + body).joined(separator: "\r\n") + "\r\n", meaning: two,
          notes: ["paths in 'image_id', classes in 'label'"]),
      ]
    }
    + ["id", "Filename", "ImageID", "img", "图片", "x"].map {
      ListLayout(
        name: "header \($0)",
        text: "\($0),Wort\nimages/1.jpg,cat\nimages/2.jpg,cat\nimages/3.jpg,dog\nimages/4.jpg,dog\n",
        meaning: two, notes: ["'\($0)'", "'Wort'"])
    } + [
      // Paths.
      ListLayout(
        name: "without ending", text: "image_id,label,part\n1,cat,train\n2,cat,val\n3,dog,train\n4,dog,val\n",
        meaning: parted,
        notes: [
          "list.csv: paths in 'image_id' (in images/, with .jpg added), classes in 'label', parts in 'part'"
        ]),
      ListLayout(
        name: "in a folder beside", text: "1.jpg,cat\n2.jpg,cat\n3.jpg,dog\n4.jpg,dog\n", meaning: two,
        notes: ["in images/"]),
      ListLayout(
        name: "list in a folder", text: "1.jpg,cat\n2.jpg,cat\n3.jpg,dog\n4.jpg,dog\n", meaning: two,
        file: "meta/list.csv"),
      ListLayout(
        name: "paths from the root",
        text: "images/1.jpg,cat\nimages/2.jpg,cat\nimages/3.jpg,dog\nimages/4.jpg,dog\n",
        meaning: two, file: "meta/list.csv"),
      ListLayout(
        name: "paths of another machine",
        text:
          "/home/ann/set/images/1.jpg,cat\n/home/ann/set/images/2.jpg,cat\n/home/ann/set/images/3.jpg,dog\n/home/ann/set/images/4.jpg,dog\n",
        meaning: two, notes: ["without the first"]),
      ListLayout(
        name: "Windows' paths",
        text: "images\\1.jpg;cat\nimages\\2.jpg;cat\nimages\\3.jpg;dog\nimages\\4.jpg;dog\n", meaning: two),
      ListLayout(
        name: "Windows' paths of another machine",
        text:
          "C:\\set\\images\\1.jpg;cat\nC:\\set\\images\\2.jpg;cat\nC:\\set\\images\\3.jpg;dog\nC:\\set\\images\\4.jpg;dog\n",
        meaning: two),
      ListLayout(
        name: "dots", text: "./images/1.jpg,cat\n./images/3.jpg,dog\n", meaning: "training cat 1 dog 1"),
      ListLayout(
        name: "class first", text: "cat,images/1.jpg\ncat,images/2.jpg\ndog,images/3.jpg\ndog,images/4.jpg\n",
        meaning: two,
        notes: ["paths in column 2, classes in column 1"]),
      ListLayout(
        name: "paths with spaces", text: "my cat.jpg cat\nimages/3.jpg dog\nimages/4.jpg dog\n",
        meaning: "training cat 1 dog 2",
        file: "list.txt"),
      ListLayout(
        name: "only paths", text: "cat/5.jpg\ndog/6.jpg\n", meaning: "training cat 1 dog 1",
        file: "train.txt",
        notes: ["the folders of the paths"]),
      ListLayout(
        name: "only paths without endings", text: "cat/5\ndog/6\n", meaning: "training cat 1 dog 1",
        file: "train.txt"),
      ListLayout(
        name: "missing files", text: "path,class\nimages/1.jpg,cat\nimages/9.jpg,cat\nimages/3.jpg,dog\n",
        meaning: "training cat 1 dog 1", remarks: ["left out: 1 listed file that is not there (images/9.jpg)"]
      ),
      ListLayout(
        name: "a missing first file is no header",
        text: "images/9.jpg,cat\nimages/1.jpg,cat\nimages/3.jpg,dog\n",
        meaning: "training cat 1 dog 1", notes: ["no header"], remarks: ["images/9.jpg"]),
      ListLayout(
        name: "a missing first id is no header", text: "9,cat\n1,cat\n3,dog\n4,dog\n",
        meaning: "training cat 1 dog 2",
        notes: ["no header"], remarks: ["(9)"]),
      ListLayout(
        name: "a file that is no image", text: "images/1.jpg,cat\nimages/3.jpg,dog\nlist.csv,dog\n",
        meaning: "training cat 1 dog 1", remarks: ["left out: 1 CSV file (list.csv)"]),
      ListLayout(
        name: "no file there", text: "a.jpg,cat\nb.jpg,dog\n",
        meaning: "refused: no column has paths of files"),
      ListLayout(
        name: "two folders with the name", text: "same.jpg,cat\nsame2.jpg,dog\n", meaning: "refused: may be"),
      // Text.
      ListLayout(
        name: "UTF-8 with mark", text: "path,class\nimages/1.jpg,katze ü\nimages/3.jpg,hund\n",
        meaning: "training hund 1 katze ü 1",
        mark: [0xEF, 0xBB, 0xBF]),
      ListLayout(
        name: "UTF-16 little", text: "path,class\r\nimages/1.jpg,katze ü\r\nimages/3.jpg,狗\r\n",
        meaning: "training katze ü 1 狗 1",
        encoding: .utf16LittleEndian, mark: [0xFF, 0xFE], notes: ["read as UTF-16"]),
      ListLayout(
        name: "UTF-16 big", text: "path\tclass\r\nimages/1.jpg\tcat\r\nimages/3.jpg\tdog\r\n",
        meaning: "training cat 1 dog 1",
        file: "list.txt", encoding: .utf16BigEndian, mark: [0xFE, 0xFF]),
      ListLayout(
        name: "UTF-16 without mark", text: "images/1.jpg,cat\nimages/3.jpg,dog\n",
        meaning: "training cat 1 dog 1",
        encoding: .utf16LittleEndian),
      ListLayout(
        name: "Latin-1", text: "é.jpg;café\nimages/3.jpg;Bär\n", meaning: "training Bär 1 café 1",
        encoding: .isoLatin1,
        notes: ["read as Windows-1252"]),
      ListLayout(
        name: "Windows-1252", text: "images/1.jpg;“cat”\nimages/3.jpg;dog – €\n",
        meaning: "training dog – € 1 “cat” 1",
        encoding: .windowsCP1252),
      ListLayout(
        name: "quotes",
        text: "\"path\",\"class\"\n\"images/1.jpg\",\"cat, big\"\n\"images/3.jpg\",\"the \"\"dog\"\"\"\n",
        meaning: "training cat, big 1 the \"dog\" 1"),
      ListLayout(
        name: "quotes behind a space", text: "images/1.jpg, \"cat\"\nimages/3.jpg, \"dog\"\n",
        meaning: "training cat 1 dog 1"),
      ListLayout(
        name: "old Mac's lines", text: "images/1.jpg,cat\rimages/3.jpg,dog\r", meaning: "training cat 1 dog 1"
      ),
      ListLayout(
        name: "blank lines and comments",
        text: "# made by hand\n\nimages/1.jpg,cat\n\n# dogs\nimages/3.jpg,dog\n\n",
        meaning: "training cat 1 dog 1"),
      ListLayout(
        name: "Excel's first line", text: "sep=;\nBild;Klasse\nimages/1.jpg;cat\nimages/3.jpg;dog\n",
        meaning: "training cat 1 dog 1",
        notes: ["paths in 'Bild', classes in 'Klasse'"]),
      // Columns.
      ListLayout(
        name: "three parts",
        text:
          "path,label,split\nimages/1.jpg,cat,train\nimages/3.jpg,dog,train\nimages/2.jpg,cat,val\nimages/4.jpg,dog,test\n",
        meaning: "training cat 1 dog 1; validation cat 1; test dog 1"),
      ListLayout(
        name: "part first",
        text:
          "TRAIN,images/1.jpg,cat\nTRAIN,images/3.jpg,dog\nTEST,images/2.jpg,cat\nTEST,images/4.jpg,dog\n",
        meaning: parted, notes: ["parts in column 1", "the test part is used for validation"]),
      ListLayout(
        name: "other words for parts",
        text:
          "file\tkind\tsubset\nimages/1.jpg\tcat\ttraining\nimages/3.jpg\tdog\ttraining\nimages/2.jpg\tcat\tvalidation\nimages/4.jpg\tdog\tvalidation\n",
        meaning: parted, file: "list.tsv"),
      ListLayout(
        name: "an index",
        text:
          ",image,label\n0,images/1.jpg,cat\n1,images/2.jpg,cat\n2,images/3.jpg,dog\n3,images/4.jpg,dog\n",
        meaning: two,
        notes: ["not used: ''"]),
      ListLayout(
        name: "other columns",
        text: "lesion,image_id,dx,age,sex\nL1,1,cat,40,m\nL2,2,cat,50,f\nL3,3,dog,40,m\nL4,4,dog,60,f\n",
        meaning: two,
        notes: ["classes in 'dx'", "not used: 'lesion', 'age', 'sex'"]),
      ListLayout(
        name: "number and name",
        text:
          "path,label,class_name\nimages/1.jpg,0,cat\nimages/2.jpg,0,cat\nimages/3.jpg,1,dog\nimages/4.jpg,1,dog\n",
        meaning: two,
        notes: ["classes in 'class_name'"]),
      ListLayout(
        name: "number and name without header",
        text: "images/1.jpg,0,cat\nimages/2.jpg,0,cat\nimages/3.jpg,1,dog\nimages/4.jpg,1,dog\n", meaning: two
      ),
      ListLayout(
        name: "two columns that could be",
        text:
          "path,colour,animal\nimages/1.jpg,red,cat\nimages/2.jpg,blue,cat\nimages/3.jpg,red,dog\nimages/4.jpg,blue,dog\n",
        meaning: "refused: may each be the class; name that column 'class'"),
      ListLayout(
        name: "one-hot", text: "image,cat,dog\n1,1.0,0.0\n2,1.0,0.0\n3,0.0,1.0\n4,0.0,1.0\n", meaning: two,
        notes: ["2 columns of 0 and 1"]),
      ListLayout(
        name: "two-hot", text: "image,cat,dog\n1,1,0\n2,1,1\n3,0,1\n",
        meaning: "refused: line 3: 2 of the 2 columns of classes are 1"),
      ListLayout(
        name: "a class called train",
        text: "path,class\nimages/1.jpg,train\nimages/2.jpg,bus\nimages/3.jpg,train\n",
        meaning: "training bus 1 train 2"),
      ListLayout(
        name: "a misspelled part", text: "path,class,split\nimages/1.jpg,cat,train\nimages/3.jpg,dog,tran\n",
        meaning: "refused: line 3: the part 'tran'"),
      ListLayout(
        name: "a comma too many", text: "images/1.jpg,cat\nimages/2.jpg,cat\nimages/3.jpg,dog, big\n",
        meaning: "refused: line 3: 3 fields"),
      ListLayout(
        name: "repeated lines", text: "images/1.jpg,cat\nimages/1.jpg,cat\nimages/3.jpg,dog\n",
        meaning: "training cat 2 dog 1",
        remarks: ["1 line of images that are listed before"]),
      ListLayout(
        name: "numbers as classes", text: "id_code,diagnosis\n1,0\n2,0\n3,2\n4,1\n",
        meaning: "training 0 2 1 1 2 1", file: "train.csv"),
    ]
}

@Suite struct ListLayoutTests {
  private func write(_ root: URL) throws {
    for index in 1...4 { try root.write("images/\(index).jpg", bitmap(red: UInt8(index))) }
    for name in [
      "cat/5.jpg", "dog/6.jpg", "top.jpg", "é.jpg", "my cat.jpg", "a1/same.jpg", "a2/same.jpg",
      "a1/same2.jpg",
    ] {
      try root.write(name, bitmap(red: 9))
    }
  }

  @Test(arguments: ListLayout.all) func meansWhatAPersonSees(_ layout: ListLayout) throws {
    try Files.withScratch { scratch in
      let root = scratch.appending(path: "set")
      try write(root)
      let bytes = try #require(layout.text.data(using: layout.encoding))
      try root.write(layout.file, layout.mark + Array(bytes))
      let path = root.appending(path: layout.file).path
      let split: DatasetSplit
      do {
        split = try DatasetSplit.open(path: path, holdOut: 0, seed: 1)
      } catch {
        let line = "\(error)"
        #expect(line.hasPrefix(path) && line.split(whereSeparator: \.isNewline).count == 1)
        #expect(
          layout.meaning.hasPrefix("refused: ") && line.contains(layout.meaning.dropFirst(9)), "\(line)")
        return
      }
      #expect(LayoutTests.text(split) == layout.meaning)
      let (remarks, notes) = (split.notes.remarks, split.notes.notes)
      #expect(layout.remarks.isEmpty == remarks.isEmpty, "\(remarks)")
      for remark in layout.remarks {
        #expect(remarks.contains { $0.contains(remark) }, "\(remark): \(remarks)")
      }
      for note in layout.notes { #expect(notes.contains { $0.contains(note) }, "\(note): \(notes)") }
      #expect(try split.training.image(0).width == 4)
    }
  }

  @Test func doubleByteTextIsRefused() throws {
    try Files.withScratch { root in
      try write(root)
      // 猫 and 狗 in GBK.
      try root.write(
        "list.csv",
        Array("images/1.jpg,".utf8) + [0xC3, 0xA8] + Array("\nimages/3.jpg,".utf8) + [0xB9, 0xB7, 0xC3, 0xA8])
      #expect(try refusal(root, "list.csv").contains("save it as UTF-8"))
    }
  }

  @Test(arguments: [
    ("path;tags\nimages/1.jpg;sky,sea\nimages/2.jpg;sky\nimages/3.jpg;\n", "sea+sky|sky|"),
    ("path\ttags\nimages/1.jpg\tsky|sea\nimages/2.jpg\tsky\nimages/3.jpg\t\n", "sea+sky|sky|"),
    ("image,sea,sky,who\n1,1,1,ann\n2,0,1,bob\n3,0,0,cid\n", "sea+sky|sky|"),
    ("image,sea,sky\n1,True,True\n2,False,True\n3,False,False\n", "sea+sky|sky|"),
    ("image,sea,sky\n1,1,1\n2,-1,1\n3,-1,-1\n", "sea+sky|sky|"),
    ("image;sea;sky;split\n1;1;1;train\n2;0;1;train\n3;0;0;train\n", "sea+sky|sky|"),
  ])
  func multiLabelLists(_ list: (text: String, meaning: String)) throws {
    try Files.withScratch { root in
      try write(root)
      try root.write("labels.csv", list.text)
      let split = try MultiLabelSplit.open(path: root.path, holdOut: 0, seed: 1)
      let images = split.training
      #expect(images.classes == ["sea", "sky"] && images.count == 3)
      let text = (0..<3).map { images.target($0).map { images.classes[$0] }.joined(separator: "+") }.joined(
        separator: "|")
      #expect(text == list.meaning)
    }
  }

  @Test func multiLabelPartsStayApart() throws {
    try Files.withScratch { root in
      try write(root)
      try root.write(
        "list.csv", "path,a,b,split\nimages/1.jpg,1,0,train\nimages/2.jpg,1,1,val\nimages/3.jpg,0,1,test\n")
      let split = try MultiLabelSplit.open(path: root.appending(path: "list.csv").path, seed: 1)
      #expect(
        split.training.count == 1 && split.validation?.target(0) == [0, 1] && split.test?.target(0) == [1])
      let overview = DataOverview(split.anyTargets, path: "x")
      #expect(overview.classes.map(\.total) == [2, 2] && overview.test == 1)
      #expect(try split.limited(to: 1, seed: 1).training.count == 1)
    }
  }
}
