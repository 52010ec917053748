// Errors+Category.swift: whose affair errors of graphs and weights are.

extension GraphError: SwiftletError {
  public var category: ErrorCategory { .usage }
}

extension OperationError: SwiftletError {
  public var category: ErrorCategory { .usage }
}

extension ParametersError: SwiftletError {
  public var category: ErrorCategory { .usage }
}
