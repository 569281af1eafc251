// A folder of cases for the Python verifiers: files named by number, each content once, and
// cases.txt, which has one line per case.
#pragma once

#include <zk/check.h>

#include <cstdint>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace zkvm::test {

class CaseFiles {
 public:
  explicit CaseFiles(std::string directory)
      : directory_(std::move(directory)), list_(directory_ + "/cases.txt") {
    ZK_CHECK(list_.good());
  }

  void add(const std::string& line) { list_ << line << '\n'; }

  // The name of the file with these bytes.
  std::string file(const std::vector<uint8_t>& bytes) {
    const auto [at, is_new] = files_.try_emplace(bytes, std::to_string(files_.size()));
    if (is_new) {
      std::ofstream out(directory_ + "/" + at->second, std::ios::binary);
      out.write(reinterpret_cast<const char*>(bytes.data()),
                static_cast<std::streamsize>(bytes.size()));
      ZK_CHECK(out.good());
    }
    return at->second;
  }

 private:
  std::string directory_;
  std::ofstream list_;
  std::map<std::vector<uint8_t>, std::string> files_;
};

}  // namespace zkvm::test
