// Every stage of every slab is done once, and never before what it needs: its own last stage and
// those of the slabs beside it, done earlier in the same range or in an earlier phase.
#include <vector>

#include "check.hpp"
#include "m4dl/linalg/wavefront.hpp"

using namespace m4dl;

namespace {

template <int S>
void check_order(Index last, Index ranges_of_it) {
    // When (phase) and by which range a stage of a slab was done; -1: not yet. Slabs 0 and
    // last + 1 are the boundary.
    struct Done {
        int phase = -1;
        Index range = -1;
    };
    std::vector<std::vector<Done>> done(static_cast<std::size_t>(last + 2), std::vector<Done>(S));
    for (int phase = 0; phase < (ranges_of_it == 1 ? 1 : S); ++phase)
        for (Index k = 0; k < ranges_of_it; ++k) {
            const SlabRange range{1 + last * k / ranges_of_it, 1 + last * (k + 1) / ranges_of_it,
                                  phase};
            wavefront<S>(last, range, [&](auto stage, Index slab) {
                CHECK(slab >= range.begin && slab < range.end);
                CHECK(done[slab][stage].phase == -1);
                if constexpr (stage > 0)
                    for (Index i = std::max<Index>(1, slab - 1); i <= std::min(last, slab + 1);
                         ++i) {
                        const Done& needed = done[i][stage - 1];
                        CHECK(needed.phase >= 0);
                        CHECK(needed.phase < phase || needed.range == k);
                    }
                done[slab][stage] = {phase, k};
            });
        }
    for (Index i = 1; i <= last; ++i)
        for (const Done& d : done[i]) CHECK(d.phase >= 0);
}

}  // namespace

int main() {
    for (Index last = 1; last < 40; ++last)
        for (Index ranges = 1; ranges <= std::min<Index>(last, 13); ++ranges) {
            check_order<1>(last, ranges);
            check_order<2>(last, ranges);
            check_order<4>(last, ranges);
            check_order<8>(last, ranges);
        }
}
