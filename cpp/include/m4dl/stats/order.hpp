// The increasing order of numbers that are mostly spread out, as draws are.
//
// Each is rounded to one of 2^32 places between the least and the largest. Places are whole numbers, so
// they are sorted digit by digit, in passes without comparisons (Knuth, The Art of Computer Programming 3,
// section 5.2.5); an insertion sort then mends the few neighbours that share a place. Where many do, or
// numbers are infinite, a sort by comparisons takes over.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "m4dl/base/block.hpp"

namespace m4dl {

struct Draw {
    double value;
    Index row;
};

class Order {
public:
    // `draws`, none of them NaN, by their values.
    void sort(std::vector<Draw>& draws);

private:
    struct Placed {
        std::uint32_t place, index;
    };

    void sort_places();

    std::vector<Placed> placed_, other_;
    std::vector<Draw> before_;
};

}  // namespace m4dl
