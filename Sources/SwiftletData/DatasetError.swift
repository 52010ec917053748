// DatasetError.swift: errors of a data set as a whole; a single broken file is a ``SkippedFile``.

/// Why a data set cannot be opened or used. `description` is one line that begins with the path.
public enum DatasetError: Error, Equatable, Sendable, CustomStringConvertible {
  /// There is nothing at the path.
  case missing(path: String)
  /// The folder or file is there, but cannot be read.
  case unreadable(path: String, reason: String)
  /// The path is a data set of no known kind.
  case notADataset(path: String)
  /// A multi-label data set is needed, and the path is not a list of images with several classes each.
  case notAMultiLabelList(path: String)
  /// There is no image file.
  case noImages(path: String)
  /// There are files that are meant to be images, but none that can be decoded.
  case noUsableImages(path: String, found: String)
  /// The folder of a class has no image file; `found` counts the files that are there.
  case emptyClass(path: String, found: String? = nil)
  /// There are images, but neither class folders nor names that begin with a class; `hint` is a list beside them,
  /// `only` the one folder that there is.
  case noClassFolders(path: String, hint: String?, only: String? = nil)
  /// There are parts, but none to train on.
  case noTraining(path: String)
  /// Folders or columns that can be understood in two ways.
  case ambiguous(path: String, reason: String)
  /// Two classes whose names differ only in case, in spaces at the ends or in how Unicode spells them.
  case similarClasses(path: String, first: String, second: String)
  /// A class of another part that no training image has.
  case unknownClass(path: String, name: String, part: String)
  /// Fewer than two classes.
  case tooFewClasses(path: String, count: Int)
  /// None of the files that a list names is there.
  case noListedFile(path: String, count: Int, first: String)
  /// A line of a list that cannot be understood; lines count from 1.
  case malformedLine(path: String, line: Int, reason: String)
  /// A CIFAR file that is not a number of whole records.
  case recordSize(path: String, bytes: Int, recordBytes: Int)
  /// A CIFAR file whose contents break the format.
  case malformed(path: String, reason: String)
  /// A share of held-out images that is not in 0..<1.
  case holdOut(share: Double)
  /// An index that is not of the data set.
  case outside(index: Int, count: Int)
  /// An image's class that is not an index of the data set's classes.
  case label(Int, classes: Int)
  /// Images are to be mixed, but their targets cannot be.
  case cannotMix
  /// A batch needs at least one image.
  case batchSize(batch: Int)
  /// Only whole batches are allowed, and there are too few images for one.
  case batchTooLarge(batch: Int, count: Int)
  /// No image can be read; the error of the first that was tried.
  case noneReadable(count: Int, first: String)
  /// The system gives no thread.
  case noThread

  public var description: String {
    switch self {
    case .missing(let path): Self.line("\(path): no such file or folder")
    case .unreadable(let path, let reason): Self.line("\(path): cannot read: \(reason)")
    case .notADataset(let path):
      Self.line(
        "\(path): not a data set: neither a folder of images, an archive of one (.zip, .tar, .tar.gz), a list of "
          + "them (.csv, .tsv, .txt) nor CIFAR's files")
    case .notAMultiLabelList(let path):
      Self.line(
        "\(path): not a list of images with their classes: a .csv file, or a folder with a labels.csv")
    case .noImages(let path): Self.line("\(path): no images")
    case .noUsableImages(let path, let found):
      Self.line("\(path): no images that can be read, but \(found)")
    case .emptyClass(let path, let found):
      Self.line(
        "\(path): the folder of a class, but it has no images"
          + (found.map { " that can be read, but \($0)" } ?? ""))
    case .noClassFolders(let path, let hint, let only):
      Self.line(
        "\(path): no class folders"
          + (only.map { ", only the folder '\($0)'; at least 2 classes are needed" }
            ?? ", and the names of the files do not all begin with a class, as in beagle_12.jpg")
          + (hint.map { ": if \($0) lists the classes, give that file" }
            ?? ": put the images of each class into a folder of its own, or write a list of path,class"))
    case .noTraining(let path): Self.line("\(path): there are parts, but none for training")
    case .ambiguous(let path, let reason): Self.line("\(path): \(reason)")
    case .similarClasses(let path, let first, let second):
      Self.line(
        "\(path): the classes '\(first)' and '\(second)' have the same name but for case, spaces or spelling")
    case .unknownClass(let path, let name, let part):
      Self.line(
        "\(path): the class '\(name)' of the \(part) part is unknown in the training images; rename it, or "
          + "add images of it for training")
    case .tooFewClasses(let path, let count):
      Self.line("\(path): \(count == 1 ? "1 class" : "\(count) classes"); at least 2 are needed")
    case .noListedFile(let path, let count, let first):
      Self.line(
        "\(path): no column has paths of files that are there (\(count) lines, such as '\(first)'); paths are "
          + "relative to the list's folder, or to a folder in it or beside it")
    case .malformedLine(let path, let line, let reason): Self.line("\(path): line \(line): \(reason)")
    case .recordSize(let path, let bytes, let recordBytes):
      Self.line("\(path): \(bytes) bytes are not a number of CIFAR records of \(recordBytes) bytes")
    case .malformed(let path, let reason): Self.line("\(path): \(reason)")
    case .holdOut(let share): "data set: a held-out share of \(share) is not in 0..<1"
    case .outside(let index, let count): "data set: there is no image \(index) among \(count)"
    case .label(let label, let classes): "data set: class \(label) is not one of \(classes) classes"
    case .cannotMix: "data set: these targets cannot be mixed; mixing must be off"
    case .batchSize(let batch): "data set: a batch of \(batch) images; at least 1 is needed"
    case .batchTooLarge(let batch, let count):
      "data set: a batch of \(batch) images is more than the \(count) that there are"
    case .noneReadable(let count, let first):
      Self.line("data set: none of the \(count) images can be read; the first: \(first)")
    case .noThread: "data set: the system gives no thread to load images"
    }
  }

  /// One line whatever names of files hold: control characters and line ends become question marks.
  static func line(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0..<32, 127..<160, 0x2028, 0x2029: result.append("?")
      default: result.append(scalar)
      }
    }
    return String(result)
  }
}
