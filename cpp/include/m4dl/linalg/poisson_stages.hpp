// The stages of the passes over one level of the screened Poisson equation (see poisson_cycle.hpp):
// what is done with one slab. Templates for kernels, to be compiled inside them; W is the vector
// width, K the number of lines beside a line: 2 in two dimensions, 4 in three.
#pragma once

#include "m4dl/linalg/interpolation.hpp"
#include "m4dl/linalg/poisson_cycle.hpp"
#include "m4dl/linalg/restriction.hpp"
#include "m4dl/linalg/wavefront.hpp"

namespace m4dl::poisson {

using simd::Float, simd::kFloatWidth, simd::load, simd::store;

inline constexpr int L = static_cast<int>(kLanes);
// Over-relaxation of the red nodes after the coarse-grid correction, in two and three dimensions:
// it brings the rate of a cycle from 0.10 to 0.05 and from 0.2 to 0.1. The optimum is flat.
template <int K>
inline constexpr float kOmega = K == 2 ? 1.3f : 1.4f;

// The smoothing steps on one slab (a line in two dimensions, a plane of lines in three).
template <int W, int K>
struct Smoother {
    static constexpr int V = kFloatWidth<W>;
    const PoissonLevel& g;
    Fields& x;

    // u := rhs/diagonal on the red nodes: a sweep from u = 0.
    M4DL_INLINE void red_from_zero(Index slab) const {
        for_lines<K / 2 + 1>(g, slab, [&](Index l, Index at) M4DL_INLINE_LAMBDA {
            float* u = x.u.data() + at * L;
            const float *rhs = x.rhs.data() + at * L, *inverse = x.inverse.data() + at * L;
            for (Index k = first_of(slab + l + g.red); k < g.nodes - 1; k += 2)
                for (int h = 0; h < L; h += V)
                    store<W>(u + k * L + h,
                             load<W>(rhs + k * L + h) * load<W>(inverse + k * L + h));
        });
    }

    // Gauss-Seidel on the nodes of one colour (0 red, 1 black): calls put(here, target), `here` the
    // place in the field and `target` the value that leaves no residual there.
    template <class Put>
    M4DL_INLINE void relax(Index slab, Index colour, Put&& put) const {
        for_lines<K / 2 + 1>(g, slab, [&](Index l, Index at) M4DL_INLINE_LAMBDA {
            const Stencil<K, float> s(g, slab, l);
            const Index first = first_of(slab + l + g.red + colour);
            for (int h = 0; h < L; h += V) {
                const Index start = at * L + h;
                const float* u = x.u.data() + start;
                const float *rhs = x.rhs.data() + start, *inverse = x.inverse.data() + start;
                auto row = [&](Index k) M4DL_INLINE_LAMBDA { return load<W>(u + k * L); };
                auto solve = [&](Index k, const Float<W>& neighbours) M4DL_INLINE_LAMBDA {
                    put(start + k * L,
                        (load<W>(rhs + k * L) + neighbours) * load<W>(inverse + k * L));
                };
                s.for_nodes(
                    first, 2,
                    [&](Index k, float below, float above) M4DL_INLINE_LAMBDA {
                        auto near = [&](Index o) M4DL_INLINE_LAMBDA { return row(k + o); };
                        solve(k, s.beside(near) + (below * row(k - 1) + above * row(k + 1)));
                    },
                    [&](Index k, Index end, float along) M4DL_INLINE_LAMBDA {
                        // The neighbour above is the next node's neighbour below.
                        Float<W> left = row(k - 1);
                        auto go = [&](auto&& beside) M4DL_INLINE_LAMBDA {
                            for (; k < end; k += 2) {
                                const Float<W> right = row(k + 1);
                                solve(k, beside(k) + along * (left + right));
                                left = right;
                            }
                        };
                        if (s.even)
                            go([&](Index node) M4DL_INLINE_LAMBDA {
                                return s.evenly_beside(
                                    [&](Index o) M4DL_INLINE_LAMBDA { return row(node + o); });
                            });
                        else
                            go([&](Index node) M4DL_INLINE_LAMBDA {
                                return s.beside([&](Index o)
                                                    M4DL_INLINE_LAMBDA { return row(node + o); });
                            });
                    });
            }
        });
    }

    M4DL_INLINE void relax(Index slab, Index colour) const {
        float* u = x.u.data();
        relax(slab, colour, [&](Index here, const Float<W>& target) M4DL_INLINE_LAMBDA {
            store<W>(u + here, target);
        });
    }
    M4DL_INLINE void over_relax(Index slab, Index colour, float omega) const {
        float* u = x.u.data();
        relax(slab, colour, [&](Index here, const Float<W>& target) M4DL_INLINE_LAMBDA {
            const Float<W> old = load<W>(u + here);
            store<W>(u + here, old + omega * (target - old));
        });
    }
    // The changes of a slab are noted in the place of another one.
    M4DL_INLINE void relax_and_note(Index slab, Index colour, Index place) const {
        float *u = x.u.data(), *change = x.change.data();
        const Index shift = (place - slab) * g.lines * g.nodes * L;
        relax(slab, colour, [&](Index here, const Float<W>& target) M4DL_INLINE_LAMBDA {
            store<W>(change + here + shift, target - load<W>(u + here));
            store<W>(u + here, target);
        });
    }

    M4DL_INLINE void clear(Index slab) const {
        const Index rows = g.lines * g.nodes;
        std::memset(x.u.data() + slab * rows * L, 0,
                    sizeof(float) * static_cast<std::size_t>(rows * L));
    }
};

// Restriction of the residual to one slab of the coarser grid. Black nodes have none after their
// sweep; that of a red node, which had none before, is what its neighbours changed since.
template <int W, int K, class Place>
M4DL_INLINE void restrict_residual(const Pass& pass, const float* change, Place&& place,
                                   Index slab) {
    const PoissonLevel &g = pass.level, &coarse = *pass.coarse;
    for (Index line = K == 2 ? 0 : 1; line < (K == 2 ? 1 : coarse.lines - 1); ++line) {
        // Lines around the coarse one, by the parity of their red nodes.
        struct Near {
            const float* row[K + 1];  // the line itself, then those beside it
            float weight[K], along, scale;
            bool even;
        };
        Near near[2][5];
        int count[2] = {0, 0};
        const double* below = g.below[K / 2].data();
        const double* above = g.above[K / 2].data();
        const auto regular = static_cast<float>(below[g.nodes / 2]);
        constexpr auto kValues = Restricted::kValues;
        for_lines_around<kValues, K / 2 + 1>(
            g, slab, line, [&](Index i, Index l, float w) M4DL_INLINE_LAMBDA {
                const Stencil<K, float> s(g, i, l);
                const Index parity = (i + l + g.red) & 1;
                Near& n = near[parity][count[parity]++];
                auto at = [&](Index ii, Index ll)
                              M4DL_INLINE_LAMBDA { return change + g.line(place(ii), ll) * L; };
                n.row[0] = at(i, l);
                n.row[1] = at(i - 1, l);
                n.row[2] = at(i + 1, l);
                if constexpr (K == 4) {
                    n.row[3] = at(i, l - 1);
                    n.row[4] = at(i, l + 1);
                }
                for (int q = 0; q < K; ++q) n.weight[q] = w * s.weight[q];
                n.along = w * regular;
                n.scale = w;
                n.even = s.even;
            });
        restrict_line<W, kValues>(
            g.coarsening[K / 2], coarse.nodes, g.nodes,
            pass.below->rhs.data() + coarse.line(slab, line) * L,
            [&](Index k, int h) M4DL_INLINE_LAMBDA {
                Float<W> sum{};
                const Index parity = k & 1;
                const bool inside = k > 1 && k + 2 < g.nodes;
                for (int q = 0; q < count[parity]; ++q) {
                    const Near& n = near[parity][q];
                    auto row = [&](int line_beside, Index node) M4DL_INLINE_LAMBDA {
                        return load<W>(n.row[line_beside] + node * L + h);
                    };
                    if (n.even && inside) {
                        sum += n.weight[0] * (row(1, k) + row(2, k)) +
                               n.along * (row(0, k - 1) + row(0, k + 1));
                        if constexpr (K == 4) sum += n.weight[2] * (row(3, k) + row(4, k));
                        continue;
                    }
                    for (int q2 = 0; q2 < K; ++q2) sum += n.weight[q2] * row(q2 + 1, k);
                    sum += n.scale * (static_cast<float>(below[k]) * row(0, k - 1) +
                                      static_cast<float>(above[k]) * row(0, k + 1));
                }
                return sum;
            });
    }
}

// The stages, with the slab they are at.
template <int W, int K>
struct Stages {
    const Pass& pass;
    const PoissonLevel& g = pass.level;
    const SlabRange& r;
    Smoother<W, K> smooth{g, pass.fields};
    SlabRing ring{g, r};  // of changes

    template <bool Assign = false>
    M4DL_INLINE void interpolate(Index slab) const {
        interpolate_slab<W, K, Assign>(g, *pass.coarse, pass.below->u.data(), pass.fields.u.data(),
                                       slab);
    }
    M4DL_INLINE void relax_black_and_note(Index slab) const {
        smooth.relax_and_note(slab, 1, ring.place(slab));
    }
    template <class Place>
    M4DL_INLINE void restrict(Index slab, const float* change, Place&& place) const {
        const Index c = g.coarsening[0].left[slab];
        if (g.coarsening[0].kept[c] == slab) restrict_residual<W, K>(pass, change, place, c);
    }
    M4DL_INLINE void restrict_noted(Index slab) const {
        restrict(slab, pass.fields.change.data(),
                 [&](Index i) M4DL_INLINE_LAMBDA { return ring.place(i); });
    }

    // The stages of the way up and of the way down from u = 0; nothing to do on the coarsest level.
    template <int stage>
    M4DL_INLINE void up(Index slab) const {
        if (!pass.coarse) return;
        if constexpr (stage == 0) interpolate(slab);
        if constexpr (stage == 1) smooth.over_relax(slab, 0, kOmega<K>);
        if constexpr (stage == 2) smooth.relax(slab, 1);
    }
    template <int stage>
    M4DL_INLINE void down(Index slab) const {
        if (!pass.coarse) return;
        if constexpr (stage == 0) smooth.red_from_zero(slab);
        if constexpr (stage == 1) smooth.relax(slab, 1);
        // Residuals of the slabs beside it are needed, and for these the changes of two on, which
        // are u itself.
        if constexpr (stage == 3)
            restrict(slab, pass.fields.u.data(), [](Index i) M4DL_INLINE_LAMBDA { return i; });
    }

    template <int S, class Stage>
    M4DL_INLINE void go(Stage&& stage) const {
        wavefront<S>(g.slabs - 2, r, stage);
    }
};

// Defines name_slabs, of poisson_passes.hpp, by the template name<W, K>.
#define M4DL_POISSON_PASS(name, parameters, arguments) \
    template <int W>                                   \
    M4DL_INLINE void name##_kernel parameters {        \
        if (pass.level.plane())                        \
            name<W, 2> arguments;                      \
        else                                           \
            name<W, 4> arguments;                      \
    }                                                  \
    M4DL_DISPATCH(name##_kernel, name##_slabs, parameters, arguments)

}  // namespace m4dl::poisson
