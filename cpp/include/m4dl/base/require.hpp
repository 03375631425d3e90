// Checks at the boundary of the core: constructors validate, the inner loops never do.
#pragma once

#include <sstream>
#include <stdexcept>

namespace m4dl {

// Throws std::invalid_argument with the concatenated message (the offending value belongs in it).
template <class... Parts>
void require(bool condition, const Parts&... parts) {
    if (condition) return;
    std::ostringstream message;
    (message << ... << parts);
    throw std::invalid_argument(message.str());
}

}  // namespace m4dl
