// TrainCommand.swift: trains a network on images with their classes.

import SwiftletModules
import Synchronization

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif
#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// `swiftlet train`.
struct TrainCommand: Command {
  static let spec = CommandSpec(
    name: "train", summary: "Train a network on your images",
    positionals: "", count: 0...0,
    discussion: """
      Trains --model from scratch, or from the weights --from, on --data: a folder with a folder of images for each
      class (or train/, val/ and test/ with those), a zip or tar of one, a list of paths and classes, or CIFAR's files
      ('swiftlet data' shows how it is understood). Validation chooses the best epoch; a test part is looked at once, at
      the end, and its figures are in test.json, too. With --task
      multi-label an image may have any number of classes, and --data is a .csv list (or a folder with labels.csv):
      path,labels with the labels separated by ';', or a header path,CLASS,CLASS,… and a 0 or 1 for each class.

      The folder --output gets model.safetensors, which the other commands take, checkpoints, config.json, metrics.csv,
      events for TensorBoard and report.html. When interrupted it writes a checkpoint; --resume continues from the last
      one with the same results as an uninterrupted run.

      Recipes:
      \(Recipe.presets.map { "  " + $0.name.padded(to: 14) + $0.summary }.joined(separator: "\n"))
      """,
    options: [
      .value("data", "PATH", "The images."),
      .value(
        "task", "NAME",
        "\(taskNames): one class for each image (default), or any number of classes."),
      .value(
        "model", "NAME",
        "Network to train, or a .json file of an architecture (inspect --stage architecture). With --from the default is the "
          + "network of those weights; a variant of it may be named, such as cifar_mobilenet_v2."),
      .value(
        "from", "FILE",
        "Weights to start from: a file, a run's folder, or a name of 'pull --list'; another number of classes gets a "
          + "new classifier."),
      NetworkOptions.stateDict,
      .value("freeze", "PART", "Part that is not trained: none (default), backbone or stages:N."),
      .value("teacher", "FILE", "Trained model of the same classes to distill from."),
    ] + recipeOptions + [
      .value("threads", "N", "Threads of each step (default: those of the processor)."),
      .value("output", "DIR", "Folder of the run (default: runs/MODEL-N)."),
      .optionalValue(
        "resume", "DIR",
        "Continue the run of a folder, which has all its options; --epochs N makes it longer. Without DIR the run of --output, "
          + "or the last run of the model."),
      .flag(
        "find-rate",
        "Train 100 updates with a growing learning rate, and print and plot the loss (find-rate.html)."),
      .flag("print-recipe", "Print the recipe as JSON, and do not train."),
      .value("checkpoint-every", "N", "Steps between checkpoints (default: 5 minutes, and every epoch)."),
    ] + DataChoice.specs + NetworkOptions.specs.filter { $0.name != "classes" } + [
      .flag("json", "Print one JSON object per epoch, and one for the test part.")
    ],
    examples: [
      "swiftlet train --data flowers/ --from mobilenet_v2-b0353104.pth --output runs/flowers",
      "swiftlet train --data cifar10.zip --model cifar_mobilenet_v2 --recipe cifar",
      "swiftlet train --resume runs/cifar_mobilenet_v2-1",
      "swiftlet train --data flowers/ --from mobilenet_v2-b0353104.pth --find-rate",
      "swiftlet train --data photos.csv --task multi-label --from mobilenet_v2-b0353104.pth",
    ])

  /// The values of `--task`.
  private enum TaskChoice: String, CaseIterable {
    case classification
    case multiLabel = "multi-label"
  }

  private static var taskNames: String { TaskChoice.allCases.map(\.rawValue).joined(separator: " or ") }

  static func run(_ arguments: Arguments) throws -> Int32 {
    var arguments = arguments
    // A folder alone is enough, because it has the options of its run.
    if let folder = arguments.string("resume")
      ?? (arguments.flag("resume") ? arguments.string("output") : nil),
      arguments.string("data") == nil
    {
      arguments = try RunProvenance.resumed(folder, arguments)
    }
    let (given, recipeArchitecture) = try recipe(arguments)
    var recipe = given
    try recipe.check()
    if arguments.flag("print-recipe") {
      try Console.print(try StableJSON.text(recipe, isIndented: true))
      return 0
    }
    guard let path = arguments.string("data") else { throw UsageError("'train' needs --data PATH") }
    let engine = try arguments.engine()
    let freeze = try Freeze(arguments.string("freeze") ?? "none")
    let choice = try arguments.choice("task", TaskChoice.self) ?? .classification
    let task: any TrainingTask = choice == .multiLabel ? MultiLabelTask() : ClassificationTask()
    let opened = try DataChoice(
      arguments, path: path, isMultiLabel: choice == .multiLabel, seed: recipe.seed)
    let data = opened.split
    let batchNote = DataChoice.fit(&recipe, to: data.training.count)
    if let recipeArchitecture { arguments = try modelOption(arguments, of: recipeArchitecture) }
    let model = try start(arguments, classes: data.training.classes, seed: recipe.seed)
    let resumes = arguments.flag("resume")
    let folder = try outputFolder(arguments, model.name, resumes: resumes)

    var options = Trainer.Options()
    options.resumes = resumes
    options.checkpointSteps = try arguments.integer("checkpoint-every", in: 1...Int.max)
    options.teacher = try arguments.string("teacher").map { try Trainer.Teacher(ModelChoice.read($0)) }
    options.provenance = [
      ("data", path), ("starting weights", arguments.string("from") ?? "random"),
      ("Swiftlet", swiftletVersion),
      ("command", "swiftlet train " + arguments.text),
    ]
    options.dataName = path.split(separator: "/").last.map(String.init) ?? path
    options.overview = opened.overview
    let recipeOfRun = recipe
    let findsRate = arguments.flag("find-rate")
    let trainer = try Trainer(
      model, recipe, task: task, on: data, freeze: freeze, folder: findsRate ? nil : folder, engine: engine,
      options: options)
    if findsRate {
      let page = try arguments.string("output").map { try RunFolder($0).file("find-rate.html") }
      return try findRate(trainer, to: page ?? "find-rate.html", json: arguments.flag("json"))
    }

    Interruption.watch()
    let json = arguments.flag("json")
    var line = ProgressLine()
    // Errors in the folder or the checkpoint are reported before the first epoch is announced.
    var isAnnounced = json
    var isRecorded = false
    func announce() throws {
      if !isRecorded, !FileManager.default.fileExists(atPath: RunProvenance.file(folder)) {
        try RunProvenance(arguments).write(to: folder)
      }
      isRecorded = true
      if isAnnounced { return }
      isAnnounced = true
      for line in opened.overview.lines { try Console.print(line) }
      if let batchNote { try Console.print(batchNote) }
      let held =
        (data.validation.map { ", \($0.count.grouped) held out" } ?? "")
        + (data.test.map { ", \($0.count.grouped) for the test" } ?? "")
      try Console.print(
        "\(folder): \(trainer.network.name), \(data.training.classes.count) classes, "
          + "\(data.training.count.grouped) images\(held), "
          + "\(recipeOfRun.epochs) \(recipeOfRun.epochs == 1 ? "epoch" : "epochs")")
      if let note = trainer.referenceNote { try Console.print(note) }
    }
    do {
      let result = try trainer.run(
        onStep: { progress in
          try announce()
          if Interruption.isAsked { trainer.stop() }
          line.show(text(progress))
        },
        onEpoch: { record in
          try announce()
          line.clear()
          if json {
            try Console.printJSON(record)
          } else {
            try Console.print(text(record, of: recipeOfRun, task.metrics))
          }
        })
      line.clear()
      // On a terminal they are part of the overview.
      if json { for remark in opened.overview.remarks { Console.warn(remark) } }
      if !json {
        try Console.print(summary(result, folder))
      } else if let test = result.testEvaluation {
        try Console.printJSON(TestRecord(test, epoch: result.bestEpoch))
      }
      for file in result.skipped.prefix(5) { Console.warn("could not be read: \(file.name): \(file.reason)") }
      if result.skipped.count > 5 {
        Console.warn(
          "and \(result.skipped.count - 5) more that could not be read; report.html lists them all")
      }
      return 0
    } catch let error as TrainingError {
      line.clear()
      guard case .stopped = error else { throw error }
      Console.warn("\(error)")
      Console.warn("continue with: swiftlet train --resume \(folder)")
      return 130
    } catch {
      line.clear()
      throw error
    }
  }

  // MARK: Arguments

  /// The arguments with the network of a `config.json` that is used as a recipe: where its architecture was edited it must be the
  /// network that is trained, because nobody edits a table to have it ignored.
  private static func modelOption(_ arguments: Arguments, of architecture: Architecture) throws -> Arguments {
    let file = arguments.string("recipe") ?? "config.json"
    let options = ZooOptions(
      dialect: architecture.dialect, width: architecture.width == 1 ? nil : architecture.width,
      resolution: architecture.resolution, classes: architecture.classes)
    let isOfZoo = (try? Zoo.architecture(architecture.name, options)) == architecture
    guard !isOfZoo, arguments.string("model") != file else { return arguments }
    guard arguments.string("model") == nil, arguments.string("from") == nil else {
      throw UsageError(
        "\(file): its architecture '\(architecture.name)' is not the zoo's and would be ignored; train it with --model \(file), "
          + "or take \"architecture\" out of the file")
    }
    return arguments.adding(["model": file])
  }

  private static func start(_ arguments: Arguments, classes: [String], seed: UInt64) throws -> Model {
    var options = try NetworkOptions.parse(arguments)
    let name = arguments.string("model")
    if let file = arguments.string("from") {
      let source = try ModelChoice.read(
        file, options: name == nil ? options : ZooOptions(), stateDict: arguments.string("state-dict"),
        checksDigest: true)
      guard let name, name != source.name else {
        if name == nil { return try source.withHead(classes: classes, seed: seed) }
        return try ModelChoice.read(
          file, network: name, options: options, stateDict: arguments.string("state-dict"), warns: false
        ).withHead(classes: classes, seed: seed)
      }
      if name.hasSuffix(".json") {
        var architecture = try NetworkChoice.architecture(file: name, options)
        architecture.classes = classes.count
        do {
          return try Model.untrained(architecture, startingFrom: source, labels: classes, seed: seed)
        } catch let error as ParametersError { throw ModelError.wrongWeights(file: file, error) }
      }
      // Another form of the network, of the same source by default.
      options.dialect = options.dialect ?? source.architecture?.dialect
      options.classes = classes.count
      do {
        return try Model.untrained(
          try Zoo.architecture(name, options), startingFrom: source, labels: classes, seed: seed)
      } catch let error as ParametersError { throw ModelError.wrongWeights(file: file, error) }
    }
    guard let name else { throw UsageError("'train' needs --model NAME, or --from FILE") }
    options.classes = classes.count
    if name.hasSuffix(".json") {
      return try Model.untrained(
        try NetworkChoice.architecture(file: name, options), labels: classes, seed: seed)
    }
    return try Model.untrained(try Zoo.architecture(name, options), labels: classes, seed: seed)
  }

  /// `--output`, or the next free `runs/<network>-<n>`, or the last one that is not free.
  private static func outputFolder(_ arguments: Arguments, _ network: String, resumes: Bool) throws -> String
  {
    if let folder = arguments.string("output") { return folder }
    func path(_ number: Int) -> String { "runs/\(network)-\(number)" }
    var number = 1
    while FileManager.default.fileExists(atPath: path(number)) { number += 1 }
    guard resumes else { return path(number) }
    guard number > 1 else {
      throw UsageError("there is no run to go on with: runs/ has none of \(network); name one with --output")
    }
    return path(number - 1)
  }

  // MARK: Output

  private static func text(_ progress: StepProgress) -> String {
    "epoch \(progress.epoch)/\(progress.epochs)  step \(progress.step)/\(progress.steps)  "
      + "loss \(progress.loss.fixed(3))  \((100 * progress.accuracy).fixed(1)) %  "
      + "\(progress.imagesPerSecond.fixed(0)) images/s  \(time(progress.secondsLeft)) left"
  }

  private static func text(_ record: EpochRecord, of recipe: Recipe, _ metrics: [TaskMetric]) -> String {
    var text =
      "epoch \(record.epoch)/\(recipe.epochs)  loss \(record.trainingLoss.fixed(4))  "
      + "accuracy \((100 * record.trainingAccuracy).fixed(2)) %"
    // The best epoch is chosen by the first metric.
    if let loss = record.validationLoss, let metric = metrics.first, let value = metric.value(in: record) {
      let name = metric.key == "accuracy" ? "" : metric.title + " "
      text += "  validation \(loss.fixed(4)), \(name)\((100 * value).fixed(2)) %"
    }
    return text + "  \(record.imagesPerSecond.fixed(0)) images/s  "
      + time(record.trainingSeconds + record.validationSeconds)
  }

  private static func summary(_ result: TrainingResult, _ folder: String) -> String {
    let score = result.taskEvaluation.map { ", " + $0.summary } ?? ""
    let test =
      result.testEvaluation.map { "\ntest part, with the weights of that epoch: \($0.summary)" } ?? ""
    return
      "\(folder): the best is epoch \(result.bestEpoch)\(score); see \(Trainer.modelName) and report.html\(test)"
  }

  /// 1:02:03, 2:03 or 3 s.
  private static func time(_ seconds: Double) -> String {
    let whole = Int(max(0, min(seconds, 1e9)).rounded(.up))
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    if whole < 60 { return "\(whole) s" }
    let (hours, minutes) = (whole / 3600, whole / 60 % 60)
    return hours > 0 ? "\(hours):\(two(minutes)):\(two(whole % 60))" : "\(minutes):\(two(whole % 60))"
  }
}

/// One line on standard error that is written over, on a terminal only.
private struct ProgressLine {
  private let isActive = Console.hasTerminal
  private var last = ContinuousClock.now - .seconds(1)
  private var isShown = false

  mutating func show(_ text: String) {
    // Ten times a second is all that an eye can follow.
    guard isActive, last.duration(to: .now) > .milliseconds(100) else { return }
    last = .now
    try? Console.write("\r\u{1B}[K" + text.prefix(max(Console.columns - 1, 0)), to: 2)
    isShown = true
  }

  mutating func clear() {
    if isShown { try? Console.write("\r\u{1B}[K", to: 2) }
    isShown = false
  }
}

/// Control-C: the first stops the run, a second one ends the process.
private enum Interruption {
  private static let flag = Atomic<Bool>(false)

  static var isAsked: Bool { flag.load(ordering: .relaxed) }

  static func watch() {
    // The flag exists before a signal can come.
    flag.store(false, ordering: .relaxed)
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        Interruption.flag.store(true, ordering: .relaxed)
        signal(number, SIG_DFL)
      }
    }
  }
}
