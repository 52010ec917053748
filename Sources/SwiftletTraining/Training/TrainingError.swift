// TrainingError.swift: errors that keep a run from starting, continuing or being resumed.

import SwiftletCore

/// Errors of a run. `description` is one line.
public enum TrainingError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A number of the recipe makes no sense.
  case badRecipe(String)
  /// A file that was to hold a recipe does not.
  case badRecipeFile(file: String, reason: String)
  /// A file that was to hold an architecture does not.
  case badArchitectureFile(file: String, reason: String)
  /// No recipe of that name.
  case unknownRecipe(String)
  /// A freeze that the network has no stages for, or that is not understood.
  case badFreeze(String)
  /// The network and the data have different numbers of classes.
  case wrongClasses(network: String, classes: Int, data: Int)
  /// The task has no such form.
  case badTask(String, reason: String)
  /// A file names a task that is not registered, or a task is to be saved under a name that is not its own.
  case unknownTask(String)
  /// The data set's targets are not the task's.
  case wrongTargets(task: String, wanted: String, got: String)
  /// The network lacks an output that the task needs.
  case missingOutput(String, network: String)
  /// There are fewer images than an update takes.
  case batchTooLarge(batch: Int, accumulation: Int, images: Int)
  /// A step or an evaluation needs more memory than there is; both numbers are bytes.
  case tooLittleMemory(what: String, needed: Int, available: Int)
  /// The loss needs a teacher, and there is none.
  case noTeacher
  /// The teacher's inputs or classes differ from the student's.
  case unfitTeacher(network: String, what: String, teacher: String, student: String)
  /// The loss, or a gradient, is infinite or not a number; the weights from before are in the checkpoint, where there is one.
  case notANumber(what: String, epoch: Int, step: Int, learningRate: Double, checkpoint: String?)
  /// The run was asked to stop; it can be resumed from the checkpoint.
  case stopped(epoch: Int, step: Int, checkpoint: String?)
  /// The folder has a run that has begun, and `resumes` is false.
  case folderInUse(String)
  /// Another process trains into the folder.
  case folderLocked(String)
  /// The checkpoint is of another run.
  case otherRun(file: String, what: String, there: String, here: String)
  /// The checkpoint is not one.
  case badCheckpoint(file: String, reason: String)

  public var description: String {
    switch self {
    case .badRecipe(let text): return "recipe: \(text)"
    case .badRecipeFile(let file, let reason): return "\(file): not a recipe: \(reason)"
    case .badArchitectureFile(let file, let reason): return "\(file): not an architecture: \(reason)"
    case .unknownRecipe(let name):
      let all = Recipe.presets.map(\.name).joined(separator: ", ")
      return "unknown recipe '\(name)'; there are \(all), and files that end in .json"
    case .badFreeze(let text): return text
    case .badTask(let task, let reason): return "the task \(task): \(reason)"
    case .unknownTask(let name):
      return
        "unknown task '\(name)'; there are \(TaskCatalogue.names.joined(separator: ", ")), and those that a "
        + "program registers with TaskCatalogue.register before it saves or loads"
    case .wrongTargets(let task, let wanted, let got):
      return "the task \(task) takes data whose targets are \(wanted), but these are \(got)"
    case .missingOutput(let name, let network):
      return "\(network) has no output '\(name)', which the task needs"
    case .wrongClasses(let network, let classes, let data):
      return "\(network) has \(classes) classes, but the data have \(data)"
    case .batchTooLarge(let batch, let accumulation, let images):
      let size =
        accumulation == 1 ? "a batch of \(batch)" : "\(accumulation) batches of \(batch) for each update"
      return "\(size): more than the \(images) images that there are to train on; "
        + (accumulation == 1
          ? "a smaller batch fits"
          : "the recipe is for ImageNet, and cifar or fine-tune are for smaller data")
    case .tooLittleMemory(let what, let needed, let available):
      return "\(what) needs at least \(AvailableMemory.text(needed)) of memory, but "
        + "\(AvailableMemory.text(available)) are available; a smaller batch or resolution needs less"
    case .noTeacher: return "the loss compares with a teacher, but none is given"
    case .unfitTeacher(let network, let what, let teacher, let student):
      return
        "the teacher \(network) has another \(what): \(teacher), but the network that learns has \(student)"
    case .notANumber(let what, let epoch, let step, let rate, let checkpoint):
      let rest =
        checkpoint.map { "the last good weights are in \($0)" } ?? "no checkpoint had been written before"
      return "\(what) is not a finite number in epoch \(epoch), step \(step), at a learning rate of \(rate): "
        + "a lower one may help; \(rest)"
    case .stopped(let epoch, let step, let checkpoint):
      return "stopped in epoch \(epoch) after step \(step)"
        + (checkpoint.map { "; --resume goes on from \($0)" } ?? "")
    case .folderInUse(let path):
      return "\(path): has a run already; --resume goes on with it, --output names another folder"
    case .folderLocked(let path): return "\(path): another process is training into this folder"
    case .otherRun(let file, let what, let there, let here):
      return "\(file): is of another run: its \(what) is \(there), that of this run is \(here); "
        + "only --epochs, --patience and --target-accuracy may change, and --from its model.safetensors starts a new run"
    case .badCheckpoint(let file, let reason): return "\(file): not a checkpoint: \(reason)"
    }
  }
}
