# cmake -DFOLDER=... -DOUT=... -P: the SHA-256 of all sources that a proof's witness and protocol come from, as a C++ file.
file(GLOB_RECURSE sources RELATIVE ${FOLDER} ${FOLDER}/vm/*.h ${FOLDER}/vm/*.cc ${FOLDER}/stark/*.h ${FOLDER}/stark/*.cc
  ${FOLDER}/guest/include/zk/*.h)
list(SORT sources)
set(all "")
foreach(source ${sources})
  file(SHA256 ${FOLDER}/${source} hash)
  string(APPEND all "${source} ${hash}\n")
endforeach()
string(SHA256 digest "${all}")
file(CONFIGURE OUTPUT ${OUT} CONTENT "#include \"stark/session/build_digest.h\"
namespace zkvm::stark::machine {
std::string_view build_digest() { return \"${digest}\"; }
}  // namespace zkvm::stark::machine
")
