// Names of an ONNX file as names of C++.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace zkvm::importer {

// conv1 -> Conv1, max_pool2 -> MaxPool2.
[[nodiscard]] std::string camel(std::string_view name);

// Whether C++ or what guests include has the word for itself.
[[nodiscard]] bool is_reserved_word(const std::string& text);

// Variables that differ from one another, and whose types do, as camel() calls those.
class Identifiers {
 public:
  // A name that guests have already.
  void take(const std::string& name);
  // ONNX's name, which is hostile, as a variable that nothing else is called: lower case, at most some 50 characters.
  std::string add(std::string_view onnx);

 private:
  std::set<std::string> taken_;         // as camel() has them
  std::map<std::string, int> numbers_;  // the last one behind each text
};

}  // namespace zkvm::importer
