// FolderListTests.swift: folders whose classes are in a list beside the images.

import Foundation
import SwiftletData
import TestSupport
import Testing

/// Texts in a folder with images/1.jpg to 6.jpg, and the meaning of the folder.
struct ListedFolder: Sendable, CustomTestStringConvertible {
  let name: String
  let files: [String: String]
  let meaning: String
  var notes: [String] = []
  var remarks: [String] = []

  var testDescription: String { name }

  private static let list =
    "path,label\nimages/1.jpg,cat\nimages/2.jpg,cat\nimages/3.jpg,dog\nimages/4.jpg,dog\n"
  private static let train = "path,label\nimages/1.jpg,cat\nimages/3.jpg,dog\n"
  private static let val = "path,label\nimages/2.jpg,cat\nimages/4.jpg,dog\n"
  private static let test = "path,label\nimages/5.jpg,cat\nimages/6.jpg,dog\n"
  private static let parts = "training cat 1 dog 1; validation cat 1 dog 1"

  static let all: [ListedFolder] = [
    ListedFolder(
      name: "one list", files: ["labels.csv": list], meaning: "training cat 2 dog 2",
      notes: ["labels.csv: paths in 'path', classes in 'label'"]),
    ListedFolder(
      name: "a list and a text",
      files: ["labels.tsv": list.replacing(",", with: "\t"), "README.txt": "Cats and dogs.\n"],
      meaning: "training cat 2 dog 2"),
    ListedFolder(
      name: "a list and names of classes", files: ["labels.csv": list, "classes.txt": "cat\ndog\n"],
      meaning: "training cat 2 dog 2"),
    ListedFolder(
      name: "ids of a competition",
      files: [
        "train_labels.csv": "id,breed\n1,cat\n2,cat\n3,dog\n4,dog\n",
        "sample_submission.csv": "id,cat,dog\n9,0,0\n",
      ],
      meaning: "training cat 2 dog 2"),
    ListedFolder(
      name: "train and val", files: ["train.csv": train, "val.csv": val], meaning: parts,
      notes: ["train.csv: the training part", "val.csv: the validation part"]),
    ListedFolder(
      name: "three parts", files: ["train.csv": train, "valid.csv": val, "test.csv": test],
      meaning: parts + "; test cat 1 dog 1"),
    ListedFolder(
      name: "Caffe's lists",
      files: [
        "train.txt": "images/1.jpg 0\nimages/3.jpg 1\n", "val.txt": "images/2.jpg 0\nimages/4.jpg 1\n",
      ],
      meaning: "training 0 1 1 1; validation 0 1 1 1"),
    ListedFolder(
      name: "a test without classes",
      files: ["train.csv": list, "test.csv": "path\nimages/5.jpg\nimages/6.jpg\n"],
      meaning: "training cat 2 dog 2", remarks: ["left out: test.csv, which has no classes"]),
    ListedFolder(
      name: "train and test", files: ["train.csv": train, "Test.csv": test], meaning: parts,
      notes: ["the test part is used for validation"]),
    ListedFolder(
      name: "a list in each part's folder",
      files: [
        "train/metadata.csv": "file_name,label\n1.jpg,cat\n2.jpg,dog\n",
        "validation/metadata.csv": "file_name,label\n1.jpg,cat\n2.jpg,dog\n",
      ], meaning: parts),
    ListedFolder(
      name: "two lists that say no part", files: ["a.csv": train, "b.csv": val],
      meaning: "refused: lists the classes, give that file"),
    ListedFolder(
      name: "two training lists", files: ["train_a.csv": train, "train_b.csv": val],
      meaning: "refused: lists the classes, give that file"),
    ListedFolder(
      name: "a list that names parts beside another",
      files: [
        "train.csv": list, "test.csv": "path,label,split\nimages/5.jpg,cat,train\nimages/6.jpg,dog,test\n",
      ],
      meaning: "refused: lists the classes, give that file"),
    ListedFolder(
      name: "a class that only the test has",
      files: ["train.csv": train, "val.csv": "path,label\nimages/2.jpg,cat\nimages/4.jpg,owl\n"],
      meaning: "refused: the class 'owl' of the validation part is unknown"),
    ListedFolder(
      name: "a damaged list", files: ["labels.csv": list + "images/5.jpg,cat,3,4,5\n"],
      meaning: "refused: line 6: 5 fields"),
    ListedFolder(name: "no list", files: ["notes.txt": "hello\n"], meaning: "refused: no class folders"),
  ]
}

@Suite struct FolderListTests {
  @Test(arguments: ListedFolder.all) func meansWhatAPersonSees(_ folder: ListedFolder) throws {
    try Files.withScratch { scratch in
      let root = scratch.appending(path: "set")
      for (name, text) in folder.files { try root.write(name, text) }
      let isNested = folder.files.keys.contains { $0.contains("/") }
      for part in isNested ? ["train", "validation"] : ["images"] {
        for index in 1...6 {
          try root.write("\(part)/\(index).jpg", bitmap(red: UInt8(index), green: UInt8(part.utf8.count)))
        }
      }
      let split: DatasetSplit
      do {
        split = try DatasetSplit.open(path: root.path, holdOut: 0, seed: 1)
      } catch {
        let line = "\(error)"
        #expect(line.hasPrefix(root.path) && line.split(whereSeparator: \.isNewline).count == 1)
        #expect(
          folder.meaning.hasPrefix("refused: ") && line.contains(folder.meaning.dropFirst(9)), "\(line)")
        return
      }
      #expect(LayoutTests.text(split) == folder.meaning)
      let (remarks, notes) = (split.notes.remarks, split.notes.notes)
      for remark in folder.remarks {
        #expect(remarks.contains { $0.contains(remark) }, "\(remark): \(remarks)")
      }
      #expect(folder.remarks.isEmpty == remarks.isEmpty, "\(remarks)")
      for note in folder.notes { #expect(notes.contains { $0.contains(note) }, "\(note): \(notes)") }
      #expect(try split.training.image(0).width == 4)
    }
  }

  /// Class folders count, whatever lists are beside them.
  @Test func classFoldersComeFirst() throws {
    try Files.withScratch { root in
      for name in ["cat", "dog"] {
        for index in 1...2 { try root.write("\(name)/\(index).jpg", bitmap(red: UInt8(index))) }
      }
      try root.write("labels.csv", "path,label\ncat/1.jpg,owl\ndog/1.jpg,ant\n")
      #expect(
        LayoutTests.text(try DatasetSplit.open(path: root.path, holdOut: 0, seed: 1))
          == "training cat 2 dog 2")
    }
  }
}
