#include "host/import/identifiers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace zkvm::importer {

std::string camel(std::string_view name) {
  std::string text;
  bool up = true;
  for (const char c : name) {
    if (c == '_') {
      up = true;
    } else {
      text += up ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
      up = false;
    }
  }
  return text;
}

bool is_reserved_word(const std::string& text) {
  // Keywords; then macros, and names that the guest's own lines say.
  static const std::set<std::string> kWords = {"alignas",       "alignof",     "and",
                                               "and_eq",        "asm",         "auto",
                                               "bitand",        "bitor",       "bool",
                                               "break",         "case",        "catch",
                                               "char",          "char16_t",    "char32_t",
                                               "char8_t",       "class",       "co_await",
                                               "co_return",     "co_yield",    "compl",
                                               "concept",       "const",       "const_cast",
                                               "consteval",     "constexpr",   "constinit",
                                               "continue",      "decltype",    "default",
                                               "delete",        "do",          "double",
                                               "dynamic_cast",  "else",        "enum",
                                               "explicit",      "export",      "extern",
                                               "false",         "float",       "for",
                                               "friend",        "goto",        "if",
                                               "inline",        "int",         "long",
                                               "mutable",       "namespace",   "new",
                                               "noexcept",      "not",         "not_eq",
                                               "nullptr",       "operator",    "or",
                                               "or_eq",         "private",     "protected",
                                               "public",        "register",    "reinterpret_cast",
                                               "requires",      "return",      "short",
                                               "signed",        "sizeof",      "static",
                                               "static_assert", "static_cast", "struct",
                                               "switch",        "template",    "this",
                                               "thread_local",  "throw",       "true",
                                               "try",           "typedef",     "typeid",
                                               "typename",      "typeof",      "union",
                                               "unsigned",      "using",       "virtual",
                                               "void",          "volatile",    "wchar_t",
                                               "while",         "xor",         "xor_eq",
                                               "errno",         "linux",       "stderr",
                                               "stdin",         "stdout",      "unix",
                                               "int8_t",        "int16_t",     "int32_t",
                                               "int64_t",       "main",        "size_t",
                                               "std",           "abs",         "div",
                                               "exit",          "free",        "index",
                                               "malloc",        "memcpy",      "rand",
                                               "read",          "remove",      "signal",
                                               "system",        "time",        "write",
                                               "uint8_t",       "uint16_t",    "uint32_t",
                                               "uint64_t",      "zk"};
  return kWords.contains(text);
}

void Identifiers::take(const std::string& name) { taken_.insert(camel(name)); }

std::string Identifiers::add(std::string_view onnx) {
  constexpr size_t kMost = 40;
  std::string text;
  for (const char c : onnx) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_letter = byte < 128 && std::isalnum(byte) != 0;
    if (text.size() == kMost) break;
    if (is_letter) {
      text += static_cast<char>(std::tolower(byte));
    } else if (!text.empty() && text.back() != '_') {
      text += '_';
    }
  }
  if (text.ends_with('_')) text.pop_back();
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0])) != 0) text = "x" + text;
  std::string unique = text;
  int& number = numbers_.try_emplace(text, 1).first->second;
  while (is_reserved_word(unique) || !taken_.insert(camel(unique)).second)
    unique = fmt::format("{}_{}", text, ++number);
  return unique;
}

}  // namespace zkvm::importer
