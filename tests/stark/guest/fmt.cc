// fmt's own format.cc, of which Debian packages the result only, as far as the verifier needs it.
// Compiled once: with FMT_HEADER_ONLY every source of the verifier takes twice as long.
#include <fmt/format-inl.h>

FMT_BEGIN_NAMESPACE
namespace detail {
template FMT_API auto thousands_sep_impl(locale_ref) -> thousands_sep_result<char>;
template FMT_API auto decimal_point_impl(locale_ref) -> char;
}  // namespace detail
FMT_END_NAMESPACE
