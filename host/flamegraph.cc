#include "host/flamegraph.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "host/number_text.h"

namespace zkvm {
namespace {

// Pixels. The script reads the same numbers from the <svg> element's data-attributes.
constexpr double kWidth = 1200;
constexpr double kMargin = 16;
constexpr double kTop = 84;
constexpr double kRow = 21;
constexpr double kGap = 1;
constexpr double kBottom = 20;
constexpr double kCharacter = 6.65;
constexpr double kNarrowest = 1.0 / 50000;  // of the whole run

constexpr std::string_view kStyle = R"(
  svg { font: 12px ui-sans-serif, system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; background: #fdfcfa; }
  .title { font-size: 18px; font-weight: 600; fill: #1c1b1a; }
  .sub, .legend { fill: #6b6862; }
  .detail { font: 12px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1c1b1a; }
  .frame text { font: 11px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #211f1c; pointer-events: none; }
  .frame.inlined text { font-style: italic; }
  .frame { cursor: pointer; }
  .frame:hover rect { stroke: #211f1c; stroke-width: 1.2; }
  .frame.outside rect { opacity: .38; }
  .frame.found rect { stroke: #c2185b; stroke-width: 2; }
  .live { display: none; }
  input { font: 12px system-ui, sans-serif; width: 176px; box-sizing: border-box; padding: 3px 8px; border: 1px solid #cfcbc3; border-radius: 6px; background: #fff; color: #1c1b1a; }
  .reset { cursor: pointer; fill: #b4451f; }
  @media (prefers-color-scheme: dark) {
    svg { background: #1b1a19; }
    .title, .detail { fill: #f1efec; }
    .sub, .legend { fill: #a5a099; }
    .frame:hover rect { stroke: #fff; }
    .frame.found rect { stroke: #ff5c93; }
    input { background: #2a2826; color: #f1efec; border-color: #4a4742; }
    .reset { fill: #ff9a6b; }
  })";

// Lays the frames out anew for the window's width and the frame that fills it.
constexpr std::string_view kScript = R"JS(
  const svg = document.documentElement, D = svg.dataset;
  const margin = +D.margin, top0 = +D.top, row = +D.row, ch = +D.character;
  const frames = [...svg.querySelectorAll('.frame')].map(g => ({
    g, x: +g.dataset.x, w: +g.dataset.w, d: +g.dataset.d, name: g.dataset.name, short: g.dataset.short || g.dataset.name,
    about: g.querySelector('title').textContent, rect: g.querySelector('rect'), text: g.querySelector('text')}));
  const detail = svg.querySelector('.detail'), reset = svg.querySelector('.reset'),
        box = svg.querySelector('input'), found = svg.querySelector('.matches');
  let focus = frames[0], width = 0;
  function layout() {
    width = Math.max(480, window.innerWidth || 1200);
    svg.removeAttribute('viewBox');
    svg.setAttribute('width', width);
    svg.querySelector('.right').setAttribute('transform', `translate(${width - 1200} 0)`);
    const scale = (width - 2 * margin) / focus.w, eps = 1e-9;
    for (const f of frames) {
      const above = f.d < focus.d && f.x <= focus.x + eps && f.x + f.w >= focus.x + focus.w - eps;
      const within = f.d >= focus.d && f.x >= focus.x - eps && f.x + f.w <= focus.x + focus.w + eps;
      const x = above ? margin : margin + (f.x - focus.x) * scale;
      const w = above ? width - 2 * margin : f.w * scale;
      const shown = (above || within) && w > 0.2;
      f.g.style.display = shown ? '' : 'none';
      if (!shown) continue;
      f.g.classList.toggle('outside', above);
      f.rect.setAttribute('x', x);
      f.rect.setAttribute('width', Math.max(w - (w > 3 ? 1 : 0), 0.3));
      f.text.setAttribute('x', x + 5);
      const room = Math.floor((w - 9) / ch);
      f.text.textContent = room < 3 ? '' : f.name.length <= room ? f.name
          : f.short.length <= room ? f.short : f.short.slice(0, room - 1) + '\u2026';
    }
    reset.style.display = focus === frames[0] ? 'none' : 'inline';
  }
  function search() {
    const q = box.value.toLowerCase();
    let cover = 0, end = -1;
    for (const f of frames) f.g.classList.toggle('found', q !== '' && f.name.toLowerCase().includes(q));
    const hits = frames.filter(f => f.g.classList.contains('found')).sort((a, b) => a.x - b.x || b.w - a.w);
    for (const f of hits) if (f.x >= end - 1e-9) { cover += f.w; end = f.x + f.w; }
    found.textContent = q === '' ? '' : (100 * cover).toFixed(1) + ' % of cycles match';
  }
  for (const f of frames) {
    f.g.addEventListener('mouseenter', () => detail.textContent = f.about);
    f.g.addEventListener('mouseleave', () => detail.textContent = focus.about);
    f.g.addEventListener('click', () => { focus = f; detail.textContent = f.about; layout(); });
  }
  const home = () => { focus = frames[0]; detail.textContent = focus.about; layout(); };
  reset.addEventListener('click', home);
  box.addEventListener('input', search);
  window.addEventListener('keydown', e => {
    if (e.key === 'Escape') { box.value = ''; box.blur(); search(); home(); }
    if (e.key === '/' && document.activeElement !== box) { e.preventDefault(); box.focus(); }
  });
  window.addEventListener('resize', layout);
  for (const e of svg.querySelectorAll('.live')) e.style.display = 'inline';
  layout();
)JS";

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

struct Origin {
  std::string_view name;
  double hue, spread, saturation, lightness;  // hue in degrees, the others 0..1
};
constexpr std::array<Origin, 4> kOrigins{{
    {"your code", 14, 30, 0.86, 0.70},
    {"zk", 158, 24, 0.44, 0.66},
    {"standard library", 208, 22, 0.62, 0.77},
    {"without source", 225, 20, 0.10, 0.79},
}};

const Origin& origin_of(const SourceFrame& frame) {
  const std::string_view name = frame.function;
  const std::string_view file = frame.file;
  if (name.starts_with("zk::") || file.find("/zk/") != file.npos ||
      file.find("/guest/runtime/") != file.npos)
    return kOrigins[1];
  if (name.starts_with("std::") || name.starts_with("__gnu_cxx::") ||
      name.starts_with("operator ") || file.find("/c++/") != file.npos ||
      file.find("libstdc++") != file.npos) {
    return kOrigins[2];
  }
  return file.empty() ? kOrigins[3] : kOrigins[0];
}

// "#rrggbb", from hue in degrees, saturation and lightness in 0..1.
std::string hsl(double hue, double saturation, double lightness) {
  const auto channel = [&](double n) {
    const double k = std::fmod(n + hue / 30, 12);
    const double a = saturation * std::min(lightness, 1 - lightness);
    const double v = lightness - a * std::max(-1.0, std::min({k - 3, 9 - k, 1.0}));
    return static_cast<int>(std::lround(255 * v));
  };
  return fmt::format("#{:02x}{:02x}{:02x}", channel(0), channel(8), channel(4));
}

// The same function has the same colour everywhere, and neighbours differ a little.
std::string colour_of(const SourceFrame& frame) {
  uint32_t hash = 2166136261;  // FNV-1a
  for (char c : frame.function) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  hash ^= hash >> 15;
  const double u = (hash & 0xff) / 255.0;
  const double v = (hash >> 8 & 0xff) / 255.0;
  const Origin& origin = origin_of(frame);
  const double lightness = origin.lightness + (frame.inlined ? 0.11 : 0) + (v - 0.5) * 0.05;
  return hsl(origin.hue + u * origin.spread, origin.saturation, std::min(lightness, 0.93));
}

// What fits of a name: all of it, its short form, or the beginning of that.
std::string label_in(const std::string& name, const std::string& shorter, double width) {
  const double room = std::floor((width - 9) / kCharacter);
  if (room < 3) return "";
  const auto columns = static_cast<size_t>(room);
  if (name.size() <= columns) return name;
  if (shorter.size() <= columns) return shorter;
  size_t end = columns - 1;
  while (end > 0 && (shorter[end] & 0xc0) == 0x80) --end;  // not inside a character
  return shorter.substr(0, end) + "…";
}

class Drawing {
 public:
  Drawing(const CallTree& tree, std::string_view title) : tree_(tree), title_(title) {}

  std::string svg() {
    place_frames();
    head();
    for (const Placed& frame : placed_) draw(frame);
    print("<script><![CDATA[{}]]></script>\n</svg>\n", kScript);
    return std::move(out_);
  }

 private:
  struct Placed {
    uint32_t node;
    int depth;
    double x, width;  // of the whole run's, 0..1
  };

  template <class... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }

  // Parents before children; the hottest child on the left.
  void place_frames() {
    const double whole = static_cast<double>(std::max<uint64_t>(tree_.nodes[0].total, 1));
    placed_.push_back({0, 0, 0, 1});
    for (size_t i = 0; i < placed_.size(); ++i) {
      const Placed parent = placed_[i];
      depth_ = std::max(depth_, parent.depth);
      std::vector<uint32_t> children;
      for (const auto& [name, child] : tree_.nodes[parent.node].children) children.push_back(child);
      std::ranges::sort(children, [&](uint32_t a, uint32_t b) {
        const uint64_t of_a = tree_.nodes[a].total;
        const uint64_t of_b = tree_.nodes[b].total;
        return of_a != of_b ? of_a > of_b : a < b;
      });
      double x = parent.x;
      for (uint32_t child : children) {
        const double width = static_cast<double>(tree_.nodes[child].total) / whole;
        if (width < kNarrowest) break;
        placed_.push_back({child, parent.depth + 1, x, width});
        x += width;
      }
    }
  }

  void head() {
    const double height = kTop + (depth_ + 1) * kRow + kBottom;
    print(
        R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0:g}" height="{1:g}" viewBox="0 0 {0:g} {1:g}")",
        kWidth, height);
    print(R"( data-margin="{:g}" data-top="{:g}" data-row="{:g}" data-character="{:g}">)", kMargin,
          kTop, kRow, kCharacter);
    print("\n<style>{}\n</style>\n", kStyle);
    print(R"(<text class="title" x="{:g}" y="32">{}</text>)", kMargin, escaped(title_));
    print(R"(<text class="sub" x="{:g}" y="51">{} cycles</text>)", kMargin,
          grouped(tree_.nodes[0].total));
    print(R"(<text class="detail" x="{:g}" y="73">{}</text>)", kMargin, escaped(about(0)));
    out_ += "\n<g class=\"right\">";
    legend();
    print(
        R"(<foreignObject class="live" x="{:g}" y="14" width="178" height="28"><input xmlns="http://www.w3.org/1999/xhtml" placeholder="Search, or press /" aria-label="Search functions"/></foreignObject>)",
        kWidth - kMargin - 178);
    print(R"(<text class="sub matches" x="{:g}" y="32" text-anchor="end"></text>)",
          kWidth - kMargin - 190);
    print(
        R"(<text class="reset" style="display:none" x="{:g}" y="73" text-anchor="end">Reset zoom (Esc)</text>)",
        kWidth - kMargin);
    out_ += "</g>\n";
  }

  void legend() {
    double x = kWidth - kMargin;
    const auto item = [&](std::string_view name, const std::string& fill, const char* style) {
      x -= 6.4 * static_cast<double>(name.size());
      print(R"(<text class="legend" x="{:g}" y="56"{}>{}</text>)", x, style, name);
      x -= 16;
      print(R"(<rect x="{:g}" y="47" width="11" height="11" rx="2.5" fill="{}"/>)", x, fill);
      x -= 14;
    };
    const Origin& own = kOrigins[0];
    item("inlined", hsl(own.hue + own.spread / 2, own.saturation, own.lightness + 0.13),
         " font-style=\"italic\"");
    for (size_t i = kOrigins.size(); i-- > 0;) {
      const Origin& o = kOrigins[i];
      item(o.name, hsl(o.hue + o.spread / 2, o.saturation, o.lightness), "");
    }
  }

  // The line that a frame shows under the pointer.
  std::string about(uint32_t index) const {
    const CallTree::Node& node = tree_.nodes[index];
    const double whole = static_cast<double>(std::max<uint64_t>(tree_.nodes[0].total, 1));
    const auto share = [&](uint64_t cycles) { return 100 * static_cast<double>(cycles) / whole; };
    std::string text = fmt::format("{}: {} cycles, {:.1f} %", node.frame.function,
                                   grouped(node.total), share(node.total));
    if (node.self != 0 && node.self != node.total) {
      text += fmt::format("; {} in itself, {:.1f} %", grouped(node.self), share(node.self));
    }
    if (node.frame.inlined) text += "; inlined";
    if (!node.frame.file.empty()) {
      const std::string_view file = node.frame.file;
      text += fmt::format("; {}", file.substr(file.rfind('/') + 1));
      if (node.frame.line != 0) text += fmt::format(":{}", node.frame.line);
    }
    return text;
  }

  void draw(const Placed& placed) {
    const SourceFrame& frame = tree_.nodes[placed.node].frame;
    const std::string shorter = short_name(frame.function, 0);
    const double room = kWidth - 2 * kMargin;
    const double x = kMargin + placed.x * room;
    const double width = placed.width * room;
    const double y = kTop + placed.depth * kRow;
    const std::string fill = placed.node == 0 ? "#d9d4cb" : colour_of(frame);
    print(
        R"(<g class="frame{}" data-x="{:.9g}" data-w="{:.9g}" data-d="{}" data-name="{}"{}><title>{}</title>)",
        frame.inlined ? " inlined" : "", placed.x, placed.width, placed.depth,
        escaped(frame.function),
        shorter == frame.function ? "" : fmt::format(" data-short=\"{}\"", escaped(shorter)),
        escaped(about(placed.node)));
    print(R"(<rect x="{:.2f}" y="{:g}" width="{:.2f}" height="{:g}" rx="2.5" fill="{}"/>)", x, y,
          std::max(width - (width > 3 ? 1 : 0), 0.3), kRow - kGap, fill);
    print(R"(<text x="{:.2f}" y="{:g}">{}</text></g>)", x + 5, y + 14,
          escaped(label_in(frame.function, shorter, width)));
    out_ += '\n';
  }

  const CallTree& tree_;
  std::string_view title_;
  std::vector<Placed> placed_;
  int depth_ = 0;
  std::string out_;
};

}  // namespace

std::string flamegraph_svg(const CallTree& tree, std::string_view title) {
  return Drawing(tree, title).svg();
}

}  // namespace zkvm
