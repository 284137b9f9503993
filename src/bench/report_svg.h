// The two pictures of a report: bars of speed, and dots of speed against error. Colours come from the page's style.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fovea::bench {

struct Bar {
  std::string label, precision;
  double value = 0;
  std::string text;  // the figure beside the bar
  bool strong = false;
};

/// One horizontal bar below the other, from 0 on. `mark`, where above 0, is a value with a line through all bars.
std::string bars_svg(std::string_view title, const std::vector<Bar>& bars, double mark = 0);

struct Dot {
  std::string label, precision;
  double x = 0, y = 0;  // x above 0; a y of 0 lies on the floor of the picture
};

/// Both axes logarithmic. Labels make room for each other. Empty where fewer than two can be drawn.
std::string dots_svg(std::string_view title, std::string_view x_title, std::string_view y_title,
                     const std::vector<Dot>& dots);

/// The class of the page's style for a precision: "p-fp32"; "p-other" for one that it does not know.
std::string_view precision_class(std::string_view precision);

}  // namespace fovea::bench
