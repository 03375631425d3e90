// Fill-reducing orderings. Nested dissection by coordinates (George 1973) is within a constant of
// optimal on meshes; where a matrix comes without coordinates, graph distances to mutually far
// vertices stand in for them.
#pragma once

#include "m4dl/linalg/pattern.hpp"

namespace m4dl {

// order[k] = the index eliminated at step k.
using Order = std::vector<Index>;

// Nested dissection; `coordinates` is (size, d) or empty.
Order nested_dissection(const LowerPattern& pattern, const Matrix& coordinates);

// Approximate minimum degree (Amestoy, Davis, Duff 1996), from Eigen.
Order minimum_degree(const LowerPattern& pattern);

}  // namespace m4dl
