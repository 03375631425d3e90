#include "m4dl/linalg/poisson_cycle.hpp"

#include "m4dl/linalg/interpolation.hpp"
#include "m4dl/linalg/multigrid.hpp"
#include "m4dl/linalg/restriction.hpp"
#include "m4dl/linalg/wavefront.hpp"

namespace m4dl {
namespace {

using simd::Float, simd::kFloatWidth, simd::load, simd::store;

constexpr int L = static_cast<int>(kLanes);
// Over-relaxation of the red nodes after the coarse-grid correction, in two and three dimensions:
// it brings the rate of a cycle from 0.10 to 0.05 and from 0.2 to 0.1. The optimum is flat.
template <int K>
constexpr float kOmega = K == 2 ? 1.3f : 1.4f;
constexpr int kSweepsOnCoarsest = 6;  // at most 2 x 2 (x 2) nodes: one sweep reduces errors by 4

using Fields = PoissonCycle::Fields;

// One level and the next: what a pass over the first one touches.
struct Pass {
    const PoissonLevel& level;
    Fields& fields;
    const PoissonLevel* coarse;  // none below the coarsest
    Fields* below;
};

// The smoothing steps on one slab (a line in two dimensions, a plane of lines in three).
template <int W, int K>
struct Smoother {
    static constexpr int V = kFloatWidth<W>;
    const PoissonLevel& g;
    Fields& x;

    // u := rhs/diagonal on the red nodes: a sweep from u = 0.
    M4DL_INLINE void red_from_zero(Index slab) const {
        for_lines<K>(g, slab, [&](Index l, Index at) M4DL_INLINE_LAMBDA {
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
        for_lines<K>(g, slab, [&](Index l, Index at) M4DL_INLINE_LAMBDA {
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
                                return s.evenly_beside([&](Index o) M4DL_INLINE_LAMBDA {
                                    return row(node + o);
                                });
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
        for_lines_around<kValues, K / 2 + 1>(g, slab, line, [&](Index i, Index l, float w)
                                                                M4DL_INLINE_LAMBDA {
            const Stencil<K, float> s(g, i, l);
            const Index parity = (i + l + g.red) & 1;
            Near& n = near[parity][count[parity]++];
            auto at = [&](Index ii, Index ll) M4DL_INLINE_LAMBDA {
                return change + g.line(place(ii), ll) * L;
            };
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

// Restriction of all of a right-hand side (or of f).
template <int W, int K>
M4DL_INLINE void restrict_rhs(const Pass& pass, Index begin, Index end) {
    for (Index slab = begin; slab < end; ++slab)
        restrict_slab<W, Restricted::kValues, K / 2 + 1>(
            pass.level, *pass.coarse, pass.fields.rhs.data(), pass.below->rhs.data(), slab,
            [](Index i) M4DL_INLINE_LAMBDA { return i; });
}

// The stages of the passes over one level, each a wavefront; see PoissonCycle.
template <int W, int K>
struct Stages {
    const Pass& pass;
    const PoissonLevel& g = pass.level;
    const SlabRange& r;
    Smoother<W, K> smooth{g, pass.fields};
    SlabRing ring{g, r};  // of changes

    template <bool Assign = false>
    M4DL_INLINE void interpolate(Index slab) const {
        interpolate_slab<W, K, Assign>(g, *pass.coarse, pass.below->u.data(),
                                       pass.fields.u.data(), slab);
    }
    M4DL_INLINE void over_relax_red(Index slab) const {
        smooth.over_relax(slab, 0, kOmega<K>);
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

    template <int S, class Stage>
    M4DL_INLINE void go(Stage&& stage) const {
        wavefront<S>(g.slabs - 2, r, stage);
    }
};

// From u = 0, where a change is u itself.
template <int W, int K>
M4DL_INLINE void go_down(const Pass& pass, const SlabRange& r) {
    const Stages<W, K> x{pass, pass.level, r};
    x.template go<4>([&](auto stage, Index slab) M4DL_INLINE_LAMBDA {
        if constexpr (stage == 0) x.smooth.red_from_zero(slab);
        if constexpr (stage == 1) x.smooth.relax(slab, 1);
        // Residuals of the slabs beside it are needed, and for these the changes of two on.
        if constexpr (stage == 3) x.restrict(slab, pass.fields.u.data(), [](Index i) M4DL_INLINE_LAMBDA { return i; });
    });
}

// From the coarser solution.
template <int W, int K>
M4DL_INLINE void go_down_from_coarse(const Pass& pass, const SlabRange& r) {
    const Stages<W, K> x{pass, pass.level, r};
    x.template go<5>([&](auto stage, Index slab) M4DL_INLINE_LAMBDA {
        if constexpr (stage == 0) x.template interpolate<true>(slab);
        if constexpr (stage == 1) x.smooth.relax(slab, 0);
        if constexpr (stage == 2) x.relax_black_and_note(slab);
        if constexpr (stage == 4) x.restrict_noted(slab);
    });
}

template <int W, int K>
M4DL_INLINE void go_up(const Pass& pass, const SlabRange& r) {
    const Stages<W, K> x{pass, pass.level, r};
    x.template go<3>([&](auto stage, Index slab) M4DL_INLINE_LAMBDA {
        if constexpr (stage == 0) x.interpolate(slab);
        if constexpr (stage == 1) x.over_relax_red(slab);
        if constexpr (stage == 2) x.smooth.relax(slab, 1);
    });
}

// Up, and down again from there.
template <int W, int K>
M4DL_INLINE void turn(const Pass& pass, const SlabRange& r) {
    const Stages<W, K> x{pass, pass.level, r};
    x.template go<7>([&](auto stage, Index slab) M4DL_INLINE_LAMBDA {
        if constexpr (stage == 0) x.interpolate(slab);
        if constexpr (stage == 1) x.over_relax_red(slab);
        if constexpr (stage == 2) x.smooth.relax(slab, 1);
        if constexpr (stage == 3) x.smooth.relax(slab, 0);
        if constexpr (stage == 4) x.relax_black_and_note(slab);
        if constexpr (stage == 6) x.restrict_noted(slab);
    });
}

template <int W, int K>
M4DL_INLINE void coarsest(const Pass& pass) {
    const Smoother<W, K> smooth{pass.level, pass.fields};
    const Index slabs = pass.level.slabs;
    for (Index i = 1; i + 1 < slabs; ++i) smooth.clear(i);
    for (int sweep = 0; sweep < kSweepsOnCoarsest; ++sweep)
        for (Index colour = 0; colour < 2; ++colour)
            for (Index i = 1; i + 1 < slabs; ++i) smooth.relax(i, colour);
}

// 1/diagonal of every node from f, which lies in the place of the right-hand side.
template <int W, int K>
M4DL_INLINE void invert_diagonal(const Pass& pass, Index begin, Index end) {
    const PoissonLevel& g = pass.level;
    for (Index slab = begin; slab < end; ++slab)
        for_lines<K>(g, slab, [&](Index l, Index at) M4DL_INLINE_LAMBDA {
            const Stencil<K, float> s(g, slab, l);
            auto invert = [&](Index k, float along) M4DL_INLINE_LAMBDA {
                for (int h = 0; h < L; h += kFloatWidth<W>) {
                    const Index here = (at + k) * L + h;
                    const Float<W> d = (s.total() + along) + load<W>(pass.fields.rhs.data() + here);
                    store<W>(pass.fields.inverse.data() + here, (Float<W>{} + 1.0f) / d);
                }
            };
            s.for_nodes(
                1, 1,
                [&](Index k, float below, float above)
                    M4DL_INLINE_LAMBDA { invert(k, below + above); },
                [&](Index k, Index stop, float along) M4DL_INLINE_LAMBDA {
                    for (; k < stop; ++k) invert(k, along + along);
                });
        });
}

#define M4DL_PASS(name, parameters, arguments)  \
    template <int W>                            \
    M4DL_INLINE void name##_kernel parameters { \
        if (pass.level.plane())                 \
            name<W, 2> arguments;               \
        else                                    \
            name<W, 4> arguments;               \
    }                                           \
    M4DL_DISPATCH(name##_kernel, name##_slabs, parameters, arguments)

M4DL_PASS(go_down, (const Pass& pass, const SlabRange& r), (pass, r))
M4DL_PASS(go_down_from_coarse, (const Pass& pass, const SlabRange& r), (pass, r))
M4DL_PASS(go_up, (const Pass& pass, const SlabRange& r), (pass, r))
M4DL_PASS(turn, (const Pass& pass, const SlabRange& r), (pass, r))
M4DL_PASS(coarsest, (const Pass& pass), (pass))
M4DL_PASS(restrict_rhs, (const Pass& pass, Index begin, Index end), (pass, begin, end))
M4DL_PASS(invert_diagonal, (const Pass& pass, Index begin, Index end), (pass, begin, end))
#undef M4DL_PASS

// The levels and their fields, and the ways between two neighbours.
struct Hierarchy {
    const std::vector<PoissonLevel>& levels;
    PoissonCycle::Workspace& fields;

    int bottom() const { return static_cast<int>(levels.size()) - 1; }
    Pass pass(int k) const {
        if (k == bottom()) return {levels[k], fields[k], nullptr, nullptr};
        return {levels[k], fields[k], &levels[k + 1], &fields[k + 1]};
    }
    void down(int k) const {
        sweep(levels[k], 4, [&](const SlabRange& r) { go_down_slabs(pass(k), r); });
    }
    void down_from_coarse(int k) const {
        sweep(levels[k], 5, [&](const SlabRange& r) { go_down_from_coarse_slabs(pass(k), r); });
    }
    void up(int k) const {
        sweep(levels[k], 3, [&](const SlabRange& r) { go_up_slabs(pass(k), r); });
    }
    void up_and_down(int k) const {
        sweep(levels[k], 7, [&](const SlabRange& r) { turn_slabs(pass(k), r); });
    }
    void restrict_rhs(int k) const {
        for_slabs(levels[k + 1],
                  [&](Index begin, Index end) { restrict_rhs_slabs(pass(k), begin, end); });
    }
    void invert_diagonal(int k) const {
        for_slabs(levels[k],
                  [&](Index begin, Index end) { invert_diagonal_slabs(pass(k), begin, end); });
    }
    void solve_coarsest() const { coarsest_slabs(pass(bottom())); }
};
static_assert(MultigridPasses<Hierarchy>);

}  // namespace

PoissonCycle::PoissonCycle(std::vector<Axis> axes, double scale) {
    for (GridLevel& grid : nested_grids(std::move(axes))) {
        PoissonLevel& g = levels_.emplace_back(PoissonLevel{std::move(grid), {}, {}, 0});
        for (const Axis& x : g.axes) {
            auto &below = g.below.emplace_back(x.cells() + 1),
                 &above = g.above.emplace_back(x.cells() + 1);
            for (Index k = 1; k < x.cells(); ++k) {
                below[k] = scale / (x.width(k - 1) * x.mass(k));
                above[k] = scale / (x.width(k) * x.mass(k));
            }
        }
        for (const Coarsening& c : g.coarsening) g.red += c.parity();
    }
}

PoissonCycle::Workspace PoissonCycle::workspace() const {
    Workspace w;
    for (const PoissonLevel& g : levels_) {
        const FloatBlock zero = FloatBlock::Zero(g.size(), kLanes);
        w.push_back({zero, zero, zero, zero});
    }
    return w;
}

void PoissonCycle::set(Workspace& w) const {
    const Hierarchy h{levels_, w};
    for (int k = 0; k <= h.bottom(); ++k) {
        h.invert_diagonal(k);
        if (k < h.bottom()) h.restrict_rhs(k);
    }
}

void PoissonCycle::approximate(int cycles, bool nested, Workspace& w) const {
    const Hierarchy h{levels_, w};
    if (h.bottom() == 0) return h.solve_coarsest();
    if (nested) {
        begin_nested_iteration(h);
    } else {
        h.down(0);
        v_cycle(h, 1);
    }
    for (int cycle = 1; cycle < cycles; ++cycle) {
        h.up_and_down(0);
        v_cycle(h, 1);
    }
    h.up(0);
}

}  // namespace m4dl
