# BoringSSL's libcrypto, as target BoringSSL::crypto. Debian ships it as android-libboringssl-dev, in folders of its own
# so that it does not meet OpenSSL. is_boringssl.h tells the two apart.
find_path(BoringSSL_INCLUDE_DIR openssl/is_boringssl.h PATH_SUFFIXES android)
find_library(BoringSSL_CRYPTO_LIBRARY crypto PATH_SUFFIXES android NO_DEFAULT_PATH
  PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE} /usr/lib/x86_64-linux-gnu /usr/lib /usr/local/lib ${BoringSSL_ROOT})
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(BoringSSL REQUIRED_VARS BoringSSL_CRYPTO_LIBRARY BoringSSL_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "install android-libboringssl-dev (toolchain/setup.sh does)")
if(BoringSSL_FOUND AND NOT TARGET BoringSSL::crypto)
  add_library(BoringSSL::crypto UNKNOWN IMPORTED)
  set_target_properties(BoringSSL::crypto PROPERTIES
    IMPORTED_LOCATION ${BoringSSL_CRYPTO_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${BoringSSL_INCLUDE_DIR})
endif()
mark_as_advanced(BoringSSL_INCLUDE_DIR BoringSSL_CRYPTO_LIBRARY)
