#include "host/pprof.h"

#include <zk/check.h>
#include <zlib.h>

#include <span>
#include <string>
#include <unordered_map>

namespace zkvm {
namespace {

// One protobuf message in its wire format: a field is its number, a type, and a varint or a
// counted string of bytes.
class Message {
 public:
  void varint(uint32_t field, uint64_t value) {
    put(field << 3 | 0);
    put(value);
  }
  void bytes(uint32_t field, std::string_view value) {
    put(field << 3 | 2);
    put(value.size());
    bytes_.append(value);
  }
  void message(uint32_t field, const Message& value) { bytes(field, value.bytes_); }
  void packed(uint32_t field, std::span<const uint64_t> values) {
    Message list;
    for (uint64_t v : values) list.put(v);
    message(field, list);
  }
  [[nodiscard]] const std::string& data() const { return bytes_; }

 private:
  void put(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

// Field numbers of profile.proto, by message.
namespace profile_field {
enum : uint32_t { kSampleType = 1, kSample, kMapping, kLocation, kFunction, kStringTable };
enum : uint32_t { kPeriodType = 11, kPeriod = 12 };
}  // namespace profile_field
namespace value_type_field {
enum : uint32_t { kType = 1, kUnit };
}
namespace sample_field {
enum : uint32_t { kLocationId = 1, kValue };
}
namespace mapping_field {
enum : uint32_t {
  kId = 1,
  kMemoryStart,
  kMemoryLimit,
  kFileOffset,
  kFilename,
  kBuildId,
  kHasFunctions,
  kHasFilenames,
  kHasLineNumbers,
  kHasInlineFrames
};
}
namespace location_field {
enum : uint32_t { kId = 1, kMappingId, kAddress, kLine };
}
namespace line_field {
enum : uint32_t { kFunctionId = 1, kLine };
}
namespace function_field {
enum : uint32_t { kId = 1, kName, kSystemName, kFilename, kStartLine };
}

class Encoder {
 public:
  explicit Encoder(SourceMap& map) : map_(map) { string(""); }

  std::string encode(const Profile& profile, std::string_view guest) {
    Message cycles;
    cycles.varint(value_type_field::kType, string("cycles"));
    cycles.varint(value_type_field::kUnit, string("count"));
    out_.message(profile_field::kSampleType, cycles);
    out_.message(profile_field::kPeriodType, cycles);
    out_.varint(profile_field::kPeriod, 1);
    add_mapping(guest);
    for (const Profile::Count& count : profile.counts) add_sample(profile, count);
    for (const std::string& s : strings_) out_.bytes(profile_field::kStringTable, s);
    return out_.data();
  }

 private:
  // Deeper stacks lose their outermost calls: samples repeat the stack, so deep recursion would
  // make a file of quadratic size.
  static constexpr size_t kMaxDepth = 512;

  uint64_t string(const std::string& s) {
    const auto [entry, is_new] = string_ids_.try_emplace(s, strings_.size());
    if (is_new) strings_.push_back(s);
    return entry->second;
  }

  void add_mapping(std::string_view guest) {
    Message m;
    m.varint(mapping_field::kId, 1);
    m.varint(mapping_field::kMemoryLimit, uint64_t{1} << 32);
    m.varint(mapping_field::kFilename, string(std::string(guest)));
    // Said to be complete, so that pprof doesn't look for the binary.
    m.varint(mapping_field::kHasFunctions, 1);
    m.varint(mapping_field::kHasFilenames, 1);
    m.varint(mapping_field::kHasLineNumbers, 1);
    m.varint(mapping_field::kHasInlineFrames, 1);
    out_.message(profile_field::kMapping, m);
  }

  uint64_t function(const SourceFrame& frame) {
    const std::string& file = frame.start_file.empty() ? frame.file : frame.start_file;
    const auto [entry, is_new] =
        function_ids_.try_emplace(frame.function + '\n' + file, function_ids_.size() + 1);
    if (is_new) {
      Message m;
      m.varint(function_field::kId, entry->second);
      m.varint(function_field::kName, string(frame.function));
      m.varint(function_field::kSystemName, string(frame.function));
      m.varint(function_field::kFilename, string(file));
      m.varint(function_field::kStartLine, frame.start_line);
      out_.message(profile_field::kFunction, m);
    }
    return entry->second;
  }

  uint64_t location(uint32_t pc) {
    const auto [entry, is_new] = location_ids_.try_emplace(pc, location_ids_.size() + 1);
    if (is_new) {
      Message m;
      m.varint(location_field::kId, entry->second);
      m.varint(location_field::kMappingId, 1);
      m.varint(location_field::kAddress, pc);
      for (const SourceFrame& frame : map_.at(pc)) {
        Message line;
        line.varint(line_field::kFunctionId, function(frame));
        line.varint(line_field::kLine, frame.line);
        m.message(location_field::kLine, line);
      }
      out_.message(profile_field::kLocation, m);
    }
    return entry->second;
  }

  void add_sample(const Profile& profile, const Profile::Count& count) {
    std::vector<uint64_t> stack{location(count.pc)};
    for (uint32_t at = count.context; at != 0 && stack.size() < kMaxDepth;
         at = profile.contexts[at].parent) {
      stack.push_back(location(profile.contexts[at].call_site));
    }
    Message m;
    m.packed(sample_field::kLocationId, stack);
    m.packed(sample_field::kValue, {{count.cycles}});
    out_.message(profile_field::kSample, m);
  }

  SourceMap& map_;
  Message out_;
  std::vector<std::string> strings_;
  std::unordered_map<std::string, uint64_t> string_ids_;
  std::unordered_map<std::string, uint64_t> function_ids_;
  std::unordered_map<uint32_t, uint64_t> location_ids_;
};

std::vector<uint8_t> gzip(std::string_view data) {
  constexpr int kGzipWindow = 15 + 16;  // zlib's largest window, with a gzip header
  z_stream stream{};
  ZK_CHECK(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, 8,
                        Z_DEFAULT_STRATEGY) == Z_OK);
  std::vector<uint8_t> out(deflateBound(&stream, data.size()));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  ZK_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace

std::vector<uint8_t> encode_pprof(const Profile& profile, SourceMap& map, std::string_view guest) {
  return gzip(Encoder(map).encode(profile, guest));
}

}  // namespace zkvm
