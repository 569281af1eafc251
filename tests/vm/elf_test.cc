#include "vm/elf.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/vm/guest_builder.h"

namespace zkvm::vm::test {
namespace {

ElfFile good_file() {
  ElfFile file = ElfFile::of(Assembler().exit(0).words(), {1, 2, 3, 4, 5});
  file.symbols = {{"main", kTextBase, 8},
                  {"after", kTextBase + 8, 0},
                  {"label", kTextBase, 0, STT_NOTYPE},
                  {"$x", kTextBase, 0, STT_NOTYPE},
                  {"undefined", 0, 0, STT_NOTYPE, SHN_UNDEF}};
  return file;
}

TEST(Elf, LoadsWhatTheFileDeclares) {
  const auto program = load_elf(good_file().bytes());
  ASSERT_TRUE(program) << program.error().message;
  EXPECT_EQ(program->entry, kTextBase);
  ASSERT_EQ(program->regions.size(), 3u);
  EXPECT_TRUE(program->regions[0].execute);
  EXPECT_EQ(&program->text(), &program->regions[0]);
  const Region& data = program->regions[1];
  EXPECT_EQ(data.base, kDataBase);
  EXPECT_EQ(data.size, kDataSize);
  EXPECT_TRUE(data.write && !data.execute);
  EXPECT_EQ(data.bytes, (std::vector<uint8_t>{1, 2, 3, 4, 5, 0, 0, 0}));  // whole words
  EXPECT_FALSE(program->regions[2].write);
  EXPECT_EQ(program->memory_bytes(), program->text().size + kDataSize + kConstSize);
  EXPECT_EQ(program->region_at(kDataBase + kDataSize), nullptr);
  EXPECT_EQ(program->region_at(kDataBase + kDataSize - 1), &data);
}

TEST(Elf, FindsSymbols) {
  const auto program = load_elf(good_file().bytes());
  ASSERT_TRUE(program) << program.error().message;
  EXPECT_EQ(program->symbols.size(), 3u);
  EXPECT_EQ(program->symbol_at(kTextBase + 4)->name, "main");
  EXPECT_EQ(program->symbol_at(kTextBase + 8)->name, "after");
  EXPECT_EQ(program->symbol_at(kTextBase + 12)->name, "after");
  EXPECT_EQ(program->symbol_at(kTextBase - 4), nullptr);
  EXPECT_EQ(program->symbol_at(kDataBase), nullptr);
}

TEST(Elf, ToleratesSegmentsThatLoadNothing) {
  for (const uint32_t type : {PT_NULL, PT_NOTE, PT_TLS, PT_GNU_STACK, 0x70000003}) {
    ElfFile file = good_file();
    file.segments.push_back({0, PF_R, {1, 2, 3}, 0, type, 1});
    EXPECT_TRUE(load_elf(file.bytes())) << type;
  }
  ElfFile empty = good_file();
  empty.segments.push_back({kDataBase, PF_R, {}, 0});
  EXPECT_TRUE(load_elf(empty.bytes()));
}

struct Rejection {
  const char* name;
  ErrorCode code;
  std::function<void(ElfFile&)> spoil;
};

const Rejection kRejections[] = {
    {"magic", ErrorCode::kNotElf, [](ElfFile& f) { f.header.e_ident[0] = 0; }},
    {"class", ErrorCode::kNotElf, [](ElfFile& f) { f.header.e_ident[EI_CLASS] = ELFCLASS64; }},
    {"byte order", ErrorCode::kNotElf, [](ElfFile& f) { f.header.e_ident[EI_DATA] = ELFDATA2MSB; }},
    {"ident version", ErrorCode::kNotElf, [](ElfFile& f) { f.header.e_ident[EI_VERSION] = 2; }},
    {"version", ErrorCode::kNotElf, [](ElfFile& f) { f.header.e_version = 0; }},
    {"machine", ErrorCode::kWrongMachine, [](ElfFile& f) { f.header.e_machine = EM_X86_64; }},
    {"shared object", ErrorCode::kWrongMachine, [](ElfFile& f) { f.header.e_type = ET_DYN; }},
    {"relocatable", ErrorCode::kWrongMachine, [](ElfFile& f) { f.header.e_type = ET_REL; }},
    {"compressed", ErrorCode::kWrongMachine, [](ElfFile& f) { f.header.e_flags = 1; }},
    {"float ABI", ErrorCode::kWrongMachine, [](ElfFile& f) { f.header.e_flags = 2; }},
    {"RVE", ErrorCode::kWrongMachine, [](ElfFile& f) { f.header.e_flags = 8; }},
    {"header size", ErrorCode::kBadHeader, [](ElfFile& f) { f.header.e_ehsize = 64; }},
    {"phentsize", ErrorCode::kBadHeader, [](ElfFile& f) { f.header.e_phentsize = 56; }},
    {"no segments", ErrorCode::kBadHeader,
     [](ElfFile& f) {
       f.segments.clear();
       f.symbols.clear();
     }},
    {"many segments", ErrorCode::kBadHeader, [](ElfFile& f) { f.header.e_phnum = 65; }},
    {"segments outside", ErrorCode::kTruncated, [](ElfFile& f) { f.header.e_phoff = 0xfffffff0; }},
    {"shentsize", ErrorCode::kBadHeader, [](ElfFile& f) { f.header.e_shentsize = 0; }},
    {"interpreter", ErrorCode::kUnsupportedSegment,
     [](ElfFile& f) { f.segments[2].type = PT_INTERP; }},
    {"dynamic", ErrorCode::kUnsupportedSegment,
     [](ElfFile& f) { f.segments[2].type = PT_DYNAMIC; }},
    {"unknown type", ErrorCode::kUnsupportedSegment,
     [](ElfFile& f) { f.segments[2].type = 0x12345; }},
    {"writable text", ErrorCode::kBadPermissions,
     [](ElfFile& f) { f.segments[0].flags = PF_R | PF_W | PF_X; }},
    {"no permission", ErrorCode::kBadPermissions, [](ElfFile& f) { f.segments[2].flags = 0; }},
    {"write only", ErrorCode::kBadPermissions, [](ElfFile& f) { f.segments[1].flags = PF_W; }},
    {"execute only", ErrorCode::kBadPermissions, [](ElfFile& f) { f.segments[0].flags = PF_X; }},
    {"unknown flag", ErrorCode::kBadPermissions, [](ElfFile& f) { f.segments[1].flags |= 8; }},
    {"alignment", ErrorCode::kBadHeader, [](ElfFile& f) { f.segments[1].align = 3; }},
    {"congruence", ErrorCode::kBadHeader, [](ElfFile& f) { f.segments[1].align = 1u << 31; }},
    {"misaligned base", ErrorCode::kBadAddress,
     [](ElfFile& f) {
       f.segments[1].address += 2;
       f.segments[1].align = 1;
     }},
    {"in the first page", ErrorCode::kBadAddress,
     [](ElfFile& f) { f.segments[1].address = kAddressBegin - 4; }},
    {"past the end", ErrorCode::kBadAddress,
     [](ElfFile& f) { f.segments[1].address = kAddressEnd - kDataSize + 4; }},
    {"wraps around", ErrorCode::kBadAddress,
     [](ElfFile& f) { f.segments[1].address = 0xfffff000; }},
    {"file size", ErrorCode::kBadHeader, [](ElfFile& f) { f.segments[1].memory_size = 4; }},
    {"memory limit", ErrorCode::kMemoryLimit,
     [](ElfFile& f) { f.segments[1].memory_size = 0xfffffffc; }},
    {"overlap", ErrorCode::kOverlap,
     [](ElfFile& f) { f.segments[1].address = kConstBase - kDataSize + 4; }},
    {"same place", ErrorCode::kOverlap, [](ElfFile& f) { f.segments[1].address = kConstBase; }},
    {"same word", ErrorCode::kOverlap,
     [](ElfFile& f) {
       f.segments[1].address = kConstBase - 4;
       f.segments[1].memory_size = 5;
       f.segments[1].bytes.clear();
     }},
    {"no text", ErrorCode::kBadExecutableSegments, [](ElfFile& f) { f.segments[0].flags = PF_R; }},
    {"two texts", ErrorCode::kBadExecutableSegments,
     [](ElfFile& f) { f.segments[2].flags = PF_R | PF_X; }},
    {"text not filled", ErrorCode::kBadExecutableSegments,
     [](ElfFile& f) { f.segments[0].memory_size += 4; }},
    {"entry misaligned", ErrorCode::kBadEntry, [](ElfFile& f) { f.header.e_entry += 2; }},
    {"entry in data", ErrorCode::kBadEntry, [](ElfFile& f) { f.header.e_entry = kDataBase; }},
    {"entry at end", ErrorCode::kBadEntry,
     [](ElfFile& f) { f.header.e_entry += f.segments[0].memory_size; }},
};

TEST(Elf, RejectsEachFaultByItsCode) {
  for (const Rejection& rejection : kRejections) {
    ElfFile file = good_file();
    rejection.spoil(file);
    const auto program = load_elf(file.bytes());
    ASSERT_FALSE(program) << rejection.name;
    EXPECT_STREQ(name_of(program.error().code), name_of(rejection.code))
        << rejection.name << ": " << program.error().message;
    EXPECT_NE(program.error().message.find("expected"), std::string::npos) << rejection.name;
    EXPECT_NE(program.error().message.find("found"), std::string::npos) << rejection.name;
  }
}

TEST(Elf, RejectsEveryTruncation) {
  const auto file = good_file().bytes();
  for (size_t size = 0; size < file.size(); size = size < 0x200 ? size + 1 : size + 97) {
    EXPECT_FALSE(load_elf(std::span(file).first(size))) << size;
  }
}

// Section headers and symbols: offsets as bytes() laid them out.
TEST(Elf, RejectsBrokenSymbolTables) {
  const auto good = good_file().bytes();
  Elf32_Ehdr header;
  std::memcpy(&header, good.data(), sizeof(header));
  const size_t symtab = header.e_shoff + sizeof(Elf32_Shdr);
  const auto expect = [&](size_t offset, uint32_t value, ErrorCode code, const char* what) {
    auto bytes = good;
    std::memcpy(bytes.data() + offset, &value, 4);
    const auto program = load_elf(bytes);
    ASSERT_FALSE(program) << what;
    EXPECT_STREQ(name_of(program.error().code), name_of(code)) << what;
  };
  expect(symtab + offsetof(Elf32_Shdr, sh_entsize), 12, ErrorCode::kBadSymbols, "entry size");
  expect(symtab + offsetof(Elf32_Shdr, sh_link), 1, ErrorCode::kBadSymbols, "names' type");
  expect(symtab + offsetof(Elf32_Shdr, sh_link), 3, ErrorCode::kTruncated, "names' index");
  expect(symtab + offsetof(Elf32_Shdr, sh_size), 0xffffff00, ErrorCode::kTruncated, "size");
  expect(symtab + offsetof(Elf32_Shdr, sh_offset), 0xffffff00, ErrorCode::kTruncated, "offset");
  expect(offsetof(Elf32_Ehdr, e_shoff), 0xffffff00, ErrorCode::kTruncated, "table");
  Elf32_Shdr section;
  std::memcpy(&section, good.data() + symtab, sizeof(section));
  expect(section.sh_offset + sizeof(Elf32_Sym), 0x7fffffff, ErrorCode::kBadSymbols, "name");
}

TEST(Elf, KeepsToItsLimits) {
  const auto file = good_file().bytes();
  EXPECT_EQ(load_elf(file, {.memory_bytes = 64}).error().code, ErrorCode::kMemoryLimit);
  EXPECT_EQ(load_elf(file, {.symbols = 2}).error().code, ErrorCode::kBadSymbols);
  EXPECT_EQ(load_elf(file, {.symbol_name_bytes = 10}).error().code, ErrorCode::kBadSymbols);
}

TEST(Elf, KeepsWhatTheProgramSaysOfItsModel) {
  ElfFile file = good_file();
  EXPECT_TRUE(load_elf(file.bytes())->model.empty());
  const std::vector<uint8_t> said = {'{', 0, 0xff, '}'};  // bytes here, and no more
  file.sections = {{".comment", {1}}, {std::string(kModelSection), said}};
  const auto program = load_elf(file.bytes());
  ASSERT_TRUE(program) << program.error().message;
  EXPECT_EQ(program->model, said);
  EXPECT_EQ(program->memory_bytes(), load_elf(good_file().bytes())->memory_bytes());

  file.sections[1].bytes.assign(kMaxModelBytes, ' ');
  EXPECT_TRUE(load_elf(file.bytes()));
  const auto refused = [&](const std::function<void(ElfFile&)>& spoil) {
    ElfFile spoilt = file;
    spoil(spoilt);
    const auto result = load_elf(spoilt.bytes());
    EXPECT_FALSE(result);
    return result ? "accepted" : name_of(result.error().code);
  };
  EXPECT_STREQ(refused([](ElfFile& f) { f.sections[1].bytes.push_back(' '); }), "BadModel");
  EXPECT_STREQ(refused([](ElfFile& f) { f.sections[1].bytes.clear(); }), "BadModel");
  EXPECT_STREQ(refused([](ElfFile& f) { f.sections.push_back(f.sections[1]); }), "BadModel");
  EXPECT_STREQ(refused([](ElfFile& f) { f.sections[1].flags = SHF_ALLOC; }), "BadModel");
  EXPECT_STREQ(refused([](ElfFile& f) { f.sections[1].type = SHT_NOBITS; }), "BadModel");
}

}  // namespace
}  // namespace zkvm::vm::test
