#include "m4dl/linalg/screened_poisson.hpp"

#include "m4dl/base/parallel.hpp"
#include "m4dl/base/simd.hpp"
#include "m4dl/linalg/interpolation.hpp"

namespace m4dl {
namespace {

using simd::Float, simd::kFloatWidth, simd::load, simd::Real, simd::store;

// Error estimates trust no rate of convergence below this: the first cycles may be lucky.
constexpr double kFastestRate = 0.05;
// Over-relaxation of the red nodes after the coarse-grid correction, in two and three dimensions:
// it brings the rate of a cycle from 0.10 to 0.05 and from 0.2 to 0.1. The optimum is flat.
template <int K>
constexpr float kOmega = K == 2 ? 1.3f : 1.4f;
constexpr int kSweepsOnCoarsest = 6;  // at most 2 x 2 (x 2) nodes: one sweep reduces errors by 4

template <int W>
M4DL_INLINE Float<W> spread(float x) {
    return Float<W>{} + x;
}

// One line of nodes along the last axis, seen with its neighbours: where the parallel lines beside
// it lie, and the couplings to them. K = 2 in two dimensions, 4 in three.
template <int K, class Scalar>
struct Stencil {
    Index offset[K];   // in nodes
    Scalar weight[K];  // of this line to its neighbours
    const double *below, *above;
    Index nodes;
};

template <int K, class Scalar>
M4DL_INLINE Stencil<K, Scalar> stencil_at(const PoissonLevel& g, Index slab, Index line) {
    Stencil<K, Scalar> s;
    const Index stride[2] = {g.lines * g.nodes, g.nodes}, at[2] = {slab, line};
    for (int a = 0; a < K / 2; ++a) {
        s.offset[2 * a] = -stride[a];
        s.offset[2 * a + 1] = stride[a];
        s.weight[2 * a] = static_cast<Scalar>(g.below[a][at[a]]);
        s.weight[2 * a + 1] = static_cast<Scalar>(g.above[a][at[a]]);
    }
    s.below = g.below[K / 2].data();
    s.above = g.above[K / 2].data();
    s.nodes = g.nodes;
    return s;
}

// The coupled neighbours of the node at `u`, weighted; `v` converts and loads a row.
template <class Value, int K, class Scalar, class Row>
M4DL_INLINE Value beside(const Stencil<K, Scalar>& s, Row&& row) {
    Value sum = s.weight[0] * row(s.offset[0]) + s.weight[1] * row(s.offset[1]);
    if constexpr (K == 4) sum += s.weight[2] * row(s.offset[2]) + s.weight[3] * row(s.offset[3]);
    return sum;
}

// Calls node(k, below, above) for nodes first, first + step, ... inside the line. All but the
// outermost have the same couplings, so the loop in the middle needs to load none.
template <class Scalar, class Node>
M4DL_INLINE void for_nodes(const double* below, const double* above, Index nodes, Index first,
                           Index step, Node&& node) {
    const Index last = nodes - 2;
    Index k = first;
    auto at_end = [&](Index end) M4DL_INLINE_LAMBDA {
        if (k != end) return;
        node(k, static_cast<Scalar>(below[k]), static_cast<Scalar>(above[k]));
        k += step;
    };
    at_end(1);
    const auto regular = static_cast<Scalar>(below[nodes / 2]);
    for (; k < last; k += step) node(k, regular, regular);
    at_end(last);
}

// First node inside a line whose index has this parity.
M4DL_INLINE Index first_of(Index parity) { return (parity & 1) ? 1 : 2; }

using Fields = ScreenedPoisson::Workspace::Fields;

// The smoothing steps on one slab (a line in two dimensions, a plane of lines in three).
template <int W, int K>
struct Smoother {
    static constexpr int L = static_cast<int>(kLanes), V = kFloatWidth<W>;
    const PoissonLevel& g;
    Fields& x;

    template <class Body>
    M4DL_INLINE void for_lines(Index slab, Body&& body) const {
        if constexpr (K == 2)
            body(Index{0}, g.line(slab, 0));
        else
            for (Index l = 1; l + 1 < g.lines; ++l) body(l, g.line(slab, l));
    }

    // u := rhs/diagonal on the red nodes: a sweep from u = 0.
    M4DL_INLINE void red_from_zero(Index slab) const {
        for_lines(slab, [&](Index l, Index at) M4DL_INLINE_LAMBDA {
            float* u = x.u.data() + at * L;
            const float *rhs = x.rhs.data() + at * L, *inverse = x.inverse.data() + at * L;
            for (Index k = first_of(slab + l + g.red); k < g.nodes - 1; k += 2)
                for (int h = 0; h < L; h += V)
                    store<W>(u + k * L + h,
                             load<W>(rhs + k * L + h) * load<W>(inverse + k * L + h));
        });
    }

    // Gauss-Seidel on the nodes of one colour (0 red, 1 black), or successive over-relaxation.
    template <bool Over = false>
    M4DL_INLINE void relax(Index slab, Index colour, float omega = 1.0f) const {
        for_lines(slab, [&](Index l, Index at) M4DL_INLINE_LAMBDA {
            const auto s = stencil_at<K, float>(g, slab, l);
            float* u = x.u.data() + at * L;
            const float *rhs = x.rhs.data() + at * L, *inverse = x.inverse.data() + at * L;
            for_nodes<float>(s.below, s.above, s.nodes, first_of(slab + l + g.red + colour), 2,
                             [&](Index k, float below, float above) M4DL_INLINE_LAMBDA {
                                 for (int h = 0; h < L; h += V) {
                                     float* here = u + k * L + h;
                                     auto row = [&](Index offset) M4DL_INLINE_LAMBDA {
                                         return load<W>(here + offset * L);
                                     };
                                     const Float<W> sum = load<W>(rhs + k * L + h) +
                                                          beside<Float<W>>(s, row) +
                                                          (below * row(-1) + above * row(1));
                                     const Float<W> target = sum * load<W>(inverse + k * L + h);
                                     if constexpr (Over)
                                         store<W>(here, row(0) + omega * (target - row(0)));
                                     else
                                         store<W>(here, target);
                                 }
                             });
        });
    }

    M4DL_INLINE void clear(Index slab) const {
        const Index rows = g.lines * g.nodes;
        std::memset(x.u.data() + slab * rows * L, 0,
                    sizeof(float) * static_cast<std::size_t>(rows * L));
    }
};

// Restriction of the residual to one slab of the coarser grid. After a sweep from zero the residual
// of a red node is what its neighbours changed since, the sum of their couplings; black nodes have
// none.
template <int W, int K>
M4DL_INLINE void restrict_residual(const PoissonLevel& g, const Fields& x,
                                   const PoissonLevel& coarse, float* to, Index slab) {
    constexpr int L = static_cast<int>(kLanes), V = kFloatWidth<W>;
    const Coarsening& along = g.coarsening[K / 2];
    const Index first_line = K == 2 ? 0 : 1, end_line = K == 2 ? 1 : coarse.lines - 1;
    for (Index line = first_line; line < end_line; ++line) {
        // Lines around the coarse one, by the parity of their distance.
        struct Near {
            const float* u;
            Stencil<K, float> s;
            float weight;
        };
        Near near[2][5];
        int count[2] = {0, 0};
        const Index i = g.coarsening[0].kept[slab], l = K == 2 ? 0 : g.coarsening[1].kept[line];
        for (Index da = -1; da <= 1; ++da)
            for (Index db = K == 2 ? 0 : -1; db <= (K == 2 ? 0 : 1); ++db) {
                double w = g.coarsening[0].gather[slab][da + 1];
                if constexpr (K == 4) w *= g.coarsening[1].gather[line][db + 1];
                if (w == 0.0) continue;
                const int parity = static_cast<int>((da + db) & 1);
                near[parity][count[parity]++] = {x.u.data() + g.line(i + da, l + db) * L,
                                                 stencil_at<K, float>(g, i + da, l + db),
                                                 static_cast<float>(w)};
            }
        for (int h = 0; h < L; h += V) {
            auto residual = [&](Index k) M4DL_INLINE_LAMBDA {
                const Index parity = (i + l + k + g.red) & 1;
                const float below = static_cast<float>(g.below[K / 2][k]);
                const float above = static_cast<float>(g.above[K / 2][k]);
                Float<W> sum{};
                for (int q = 0; q < count[parity]; ++q) {
                    const Near& n = near[parity][q];
                    auto row = [&](Index offset) M4DL_INLINE_LAMBDA {
                        return load<W>(n.u + (k + offset) * L + h);
                    };
                    sum += n.weight *
                           (beside<Float<W>>(n.s, row) + (below * row(-1) + above * row(1)));
                }
                return sum;
            };
            float* out = to + coarse.line(slab, line) * L + h;
            if (!along.halved()) {
                for (Index c = 1; c + 1 < coarse.nodes; ++c) store<W>(out + c * L, residual(c));
                continue;
            }
            Float<W> before{};
            if (along.kept[1] > 1) before = residual(along.kept[1] - 1);
            for (Index c = 1; c + 1 < coarse.nodes; ++c) {
                const Index k = along.kept[c];
                const auto& w = along.gather[c];
                Float<W> after{};
                if (k + 1 < g.nodes - 1) after = residual(k + 1);
                store<W>(out + c * L, static_cast<float>(w[0]) * before +
                                          static_cast<float>(w[1]) * residual(k) +
                                          static_cast<float>(w[2]) * after);
                before = after;
            }
        }
    }
}

// The passes over one level. The slabs [begin, end) of a range belong to one thread; what touches
// the slabs of another waits for the next phase, so that all threads have finished the last one.
struct Pass {
    const PoissonLevel& level;
    Fields& fields;
    const PoissonLevel* coarse;  // the next level, or none
    Fields* below;
};

// Red, black, residual and restriction, each as soon as the slabs it needs are there.
template <int W, int K>
M4DL_INLINE void go_down(const Pass& pass, Index begin, Index end, int phase) {
    const PoissonLevel& g = pass.level;
    const Smoother<W, K> smooth{g, pass.fields};
    const Coarsening& across = g.coarsening[0];
    const Index last = g.slabs - 2;
    const Index low = begin == 1 ? 1 : begin + 1, high = end > last ? last : end - 2;
    auto restrict_to = [&](Index c) M4DL_INLINE_LAMBDA {
        restrict_residual<W, K>(g, pass.fields, *pass.coarse, pass.below->rhs.data(), c);
    };
    auto early = [&](Index c) {  // all black nodes it needs are smoothed in the first phase
        const Index i = across.kept[c];
        return (i - 2 >= low || i - 2 < 1) && (i + 2 <= high || i + 2 > last);
    };
    Index c = across.left[begin];
    while (across.kept[c] < begin) ++c;
    if (phase == 0) {
        auto restrict_before = [&](Index slab) M4DL_INLINE_LAMBDA {
            for (; across.kept[c] < slab && across.kept[c] <= last; ++c)
                if (early(c)) restrict_to(c);
        };
        for (Index i = begin; i < end; ++i) {
            smooth.red_from_zero(i);
            if (i - 1 >= low) smooth.relax(i - 1, 1);
            restrict_before(i - 2);
        }
        if (end > last) smooth.relax(last, 1);
        restrict_before(end);
    } else if (phase == 1) {
        if (begin > 1) smooth.relax(begin, 1);
        if (end <= last) smooth.relax(end - 1, 1);
    } else {
        for (; across.kept[c] < end; ++c)
            if (!early(c)) restrict_to(c);
    }
}

// Interpolation, red, black.
template <int W, int K>
M4DL_INLINE void go_up(const Pass& pass, Index begin, Index end, int phase) {
    const PoissonLevel& g = pass.level;
    const Smoother<W, K> smooth{g, pass.fields};
    const Index last = g.slabs - 2;
    const bool first_range = begin == 1, last_range = end > last;
    constexpr float omega = kOmega<K>;
    if (phase == 0) {
        const Index low_red = first_range ? 1 : begin + 1, low_black = first_range ? 1 : begin + 2;
        for (Index i = begin; i < end; ++i) {
            interpolate_slab<W, K>(g, *pass.coarse, pass.below->u.data(), pass.fields.u.data(), i);
            if (i - 1 >= low_red) smooth.template relax<true>(i - 1, 0, omega);
            if (i - 2 >= low_black) smooth.relax(i - 2, 1);
        }
        if (last_range) {
            smooth.template relax<true>(last, 0, omega);
            for (Index i = std::max(low_black, last - 1); i <= last; ++i) smooth.relax(i, 1);
        }
    } else if (phase == 1) {
        if (!first_range) smooth.template relax<true>(begin, 0, omega);
        if (!last_range) smooth.template relax<true>(end - 1, 0, omega);
    } else {
        if (!first_range)
            for (Index i = begin; i < begin + 2; ++i) smooth.relax(i, 1);
        if (!last_range)
            for (Index i = end - 2; i < end; ++i) smooth.relax(i, 1);
    }
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

// Iterative refinement in double precision: u += correction in the lanes still at work, and the
// residual for the next cycle.
struct Refinement {
    const PoissonLevel& level;
    const double *f, *b;  // on all nodes; on the nodes inside
    double* u;
    const float* correction;
    float* residual;
    const double* active;  // per lane: 1 or 0
    double* sums;          // per slab
};

template <int W, int K>
struct Refiner {
    static constexpr int L = static_cast<int>(kLanes), V = kFloatWidth<W>;
    const Refinement& x;
    const PoissonLevel& g = x.level;

    template <class Body>
    M4DL_INLINE void for_lines(Index slab, Body&& body) const {
        const Index inside = g.nodes - 2;
        if constexpr (K == 2)
            body(Index{0}, g.line(slab, 0), (slab - 1) * inside);
        else
            for (Index l = 1; l + 1 < g.lines; ++l)
                body(l, g.line(slab, l), ((slab - 1) * (g.lines - 2) + l - 1) * inside);
    }

    M4DL_INLINE void correct(Index slab) const {
        for (int h = 0; h < L; h += W) {
            Real<W> zz{}, uu{};
            const Real<W> active = load<W>(x.active + h);
            for_lines(slab, [&](Index, Index at, Index) M4DL_INLINE_LAMBDA {
                for (Index k = at + 1; k < at + g.nodes - 1; ++k) {
                    Real<W> z;
                    simd::widen<W>(x.correction + k * L + h, z);
                    double* here = x.u + k * L + h;
                    const Real<W> u = load<W>(here) + active * z;
                    store<W>(here, u);
                    zz += z * z;
                    uu += u * u;
                }
            });
            store<W>(x.sums + slab * 2 * L + h, zz);
            store<W>(x.sums + (slab * 2 + 1) * L + h, uu);
        }
    }

    M4DL_INLINE void residual(Index slab) const {
        for_lines(slab, [&](Index l, Index at, Index inside) M4DL_INLINE_LAMBDA {
            const auto s = stencil_at<K, double>(g, slab, l);
            double total = s.weight[0] + s.weight[1];
            if constexpr (K == 4) total += s.weight[2] + s.weight[3];
            for_nodes<double>(
                s.below, s.above, s.nodes, 1, 1,
                [&](Index k, double below, double above) M4DL_INLINE_LAMBDA {
                    const double own = total + (below + above);
                    for (int h = 0; h < L; h += W) {
                        const double* here = x.u + (at + k) * L + h;
                        auto row = [&](Index offset)
                                       M4DL_INLINE_LAMBDA { return load<W>(here + offset * L); };
                        const Real<W> r =
                            load<W>(x.b + (inside + k - 1) * L + h) +
                            (beside<Real<W>>(s, row) + (below * row(-1) + above * row(1))) -
                            (own + load<W>(x.f + (at + k) * L + h)) * row(0);
                        simd::narrow<W>(r, x.residual + (at + k) * L + h);
                    }
                });
        });
    }
};

template <int W, int K>
M4DL_INLINE void refine(const Refinement& x, Index begin, Index end, int phase) {
    const Refiner<W, K> at{x};
    const Index last = x.level.slabs - 2;
    const bool first_range = begin == 1, last_range = end > last;
    if (phase == 0) {
        const Index low = first_range ? 1 : begin + 1;
        for (Index i = begin; i < end; ++i) {
            at.correct(i);
            if (i - 1 >= low) at.residual(i - 1);
        }
        if (last_range) at.residual(last);
    } else {
        if (!first_range) at.residual(begin);
        if (!last_range && end - 1 > begin) at.residual(end - 1);
    }
}

// 1/diagonal of every node from f, and f of the coarser grid by restriction.
template <int W, int K>
M4DL_INLINE void invert_diagonal(const Pass& pass, Index begin, Index end) {
    constexpr int L = static_cast<int>(kLanes), V = kFloatWidth<W>;
    const PoissonLevel& g = pass.level;
    const Smoother<W, K> smooth{g, pass.fields};
    for (Index slab = begin; slab < end; ++slab)
        smooth.for_lines(slab, [&](Index l, Index at) M4DL_INLINE_LAMBDA {
            const auto s = stencil_at<K, float>(g, slab, l);
            float total = s.weight[0] + s.weight[1];
            if constexpr (K == 4) total += s.weight[2] + s.weight[3];
            for_nodes<float>(
                s.below, s.above, s.nodes, 1, 1,
                [&](Index k, float below, float above) M4DL_INLINE_LAMBDA {
                    for (int h = 0; h < L; h += V) {
                        const Index here = (at + k) * L + h;
                        const Float<W> d =
                            (total + (below + above)) + load<W>(pass.fields.rhs.data() + here);
                        store<W>(pass.fields.inverse.data() + here, spread<W>(1.0f) / d);
                    }
                });
        });
}

template <int W, int K>
M4DL_INLINE void restrict_f(const Pass& pass, Index begin, Index end) {
    constexpr int L = static_cast<int>(kLanes), V = kFloatWidth<W>;
    const PoissonLevel &g = pass.level, &coarse = *pass.coarse;
    const Coarsening& along = g.coarsening[K / 2];
    const Index first_line = K == 2 ? 0 : 1, end_line = K == 2 ? 1 : coarse.lines - 1;
    for (Index slab = begin; slab < end; ++slab)
        for (Index line = first_line; line < end_line; ++line) {
            float* out = pass.below->rhs.data() + coarse.line(slab, line) * L;
            std::memset(out, 0, sizeof(float) * static_cast<std::size_t>(coarse.nodes * L));
            const Index i = g.coarsening[0].kept[slab];
            const Index l = K == 2 ? 0 : g.coarsening[1].kept[line];
            for (Index da = -1; da <= 1; ++da)
                for (Index db = K == 2 ? 0 : -1; db <= (K == 2 ? 0 : 1); ++db) {
                    double w = g.coarsening[0].gather[slab][da + 1];
                    if constexpr (K == 4) w *= g.coarsening[1].gather[line][db + 1];
                    if (w == 0.0) continue;
                    const float* from = pass.fields.rhs.data() + g.line(i + da, l + db) * L;
                    for (Index c = 1; c + 1 < coarse.nodes; ++c)
                        for (Index dc = -1; dc <= 1; ++dc) {
                            const auto weight = static_cast<float>(w * along.gather[c][dc + 1]);
                            if (weight == 0.0f) continue;
                            for (int h = 0; h < L; h += V) {
                                float* to = out + c * L + h;
                                store<W>(to,
                                         load<W>(to) +
                                             weight * load<W>(from + (along.kept[c] + dc) * L + h));
                            }
                        }
                }
        }
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

M4DL_PASS(go_down, (const Pass& pass, Index begin, Index end, int phase), (pass, begin, end, phase))
M4DL_PASS(go_up, (const Pass& pass, Index begin, Index end, int phase), (pass, begin, end, phase))
M4DL_PASS(coarsest, (const Pass& pass), (pass))
M4DL_PASS(refine, (const Refinement& pass, Index begin, Index end, int phase),
          (pass, begin, end, phase))
M4DL_PASS(invert_diagonal, (const Pass& pass, Index begin, Index end), (pass, begin, end))
M4DL_PASS(restrict_f, (const Pass& pass, Index begin, Index end), (pass, begin, end))
#undef M4DL_PASS

void v_cycle(const std::vector<PoissonLevel>& levels, std::vector<Fields>& fields) {
    const std::size_t bottom = levels.size() - 1;
    auto pass = [&](std::size_t k) {
        return Pass{levels[k], fields[k], &levels[k + 1], &fields[k + 1]};
    };
    for (std::size_t k = 0; k < bottom; ++k)
        for (int phase = 0; phase < 3; ++phase)
            for_slabs(levels[k],
                      [&](Index begin, Index end) { go_down_slabs(pass(k), begin, end, phase); });
    coarsest_slabs({levels[bottom], fields[bottom], nullptr, nullptr});
    for (std::size_t k = bottom; k-- > 0;)
        for (int phase = 0; phase < 3; ++phase)
            for_slabs(levels[k],
                      [&](Index begin, Index end) { go_up_slabs(pass(k), begin, end, phase); });
}

}  // namespace

ScreenedPoisson::ScreenedPoisson(std::vector<Axis> axes, double scale) {
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
    unknowns_ = 1;
    for (const Axis& x : levels_[0].axes) unknowns_ *= x.cells() - 1;
}

ScreenedPoisson::Workspace ScreenedPoisson::workspace() const {
    Workspace w;
    for (const PoissonLevel& g : levels_) {
        const FloatBlock zero = FloatBlock::Zero(g.size(), kLanes);
        w.levels.push_back({zero, zero, zero});
    }
    w.f = w.u = Block::Zero(levels_[0].size(), kLanes);
    w.sums.resize(2 * levels_[0].slabs * kLanes);
    return w;
}

void ScreenedPoisson::set(const Block& c, const std::vector<Index>& parameter, Workspace& w) const {
    const PoissonLevel& g = levels_[0];
    for_slabs(g, [&](Index begin, Index end) {
        for_inner_lines(g, begin, end, [&](Index at, Index inside, Index count) {
            for (Index k = 0; k < count; ++k) {
                w.f.row(at + k) = c.row(parameter[inside + k]);
                w.levels[0].rhs.row(at + k) = w.f.row(at + k).cast<float>();
            }
        });
    });
    for (std::size_t k = 0; k < levels_.size(); ++k) {
        const bool last = k + 1 == levels_.size();
        const Pass pass{levels_[k], w.levels[k], last ? nullptr : &levels_[k + 1],
                        last ? nullptr : &w.levels[k + 1]};
        for_slabs(levels_[k],
                  [&](Index begin, Index end) { invert_diagonal_slabs(pass, begin, end); });
        if (!last)
            for_slabs(levels_[k + 1],
                      [&](Index begin, Index end) { restrict_f_slabs(pass, begin, end); });
    }
}

void ScreenedPoisson::solve(Block& x, double tolerance, int max_cycles, Workspace& w) const {
    const PoissonLevel& g = levels_[0];
    Fields& top = w.levels[0];
    Lanes active = Lanes::Ones(), previous = lanes_nan(), failed = Lanes::Zero();
    const Refinement refinement{g,
                                w.f.data(),
                                x.data(),
                                w.u.data(),
                                top.u.data(),
                                top.rhs.data(),
                                active.data(),
                                w.sums.data()};
    w.u.setZero();
    top.u.setZero();
    w.cycles = Lanes::Zero();
    for (int cycle = 0;; ++cycle) {
        for (int phase = 0; phase < 2; ++phase)
            for_slabs(g,
                      [&](Index begin, Index end) { refine_slabs(refinement, begin, end, phase); });
        if (cycle > 0) {
            Lanes zz = Lanes::Zero(), uu = Lanes::Zero();
            for (Index i = 1; i + 1 < g.slabs; ++i) {
                zz += Eigen::Map<const Lanes>(w.sums.data() + 2 * i * kLanes);
                uu += Eigen::Map<const Lanes>(w.sums.data() + (2 * i + 1) * kLanes);
            }
            w.cycles += active;
            for (Index lane = 0; lane < kLanes; ++lane) {
                if (active[lane] == 0.0) continue;
                const double z = std::sqrt(zz[lane]), u = std::sqrt(uu[lane]);
                // What is left is at most z (rate + rate^2 + ...).
                const double rate = std::max(z / previous[lane], kFastestRate);
                previous[lane] = z;
                // f beyond the range of single precision leaves nothing to correct.
                const bool solved = z == 0.0
                                        ? u > 0.0 || (x.col(lane) == 0.0).all()
                                        : rate < 1.0 && rate / (1.0 - rate) * z <= tolerance * u;
                if (solved)
                    active[lane] = 0.0;
                else if (!(u < std::numeric_limits<double>::infinity()) || cycle == max_cycles) {
                    active[lane] = 0.0;
                    failed[lane] = std::numeric_limits<double>::quiet_NaN();
                }
            }
            if ((active == 0.0).all()) break;
        }
        v_cycle(levels_, w.levels);
    }
    for_slabs(g, [&](Index begin, Index end) {
        for_inner_lines(g, begin, end, [&](Index at, Index inside, Index count) {
            for (Index k = 0; k < count; ++k) x.row(inside + k) = w.u.row(at + k) + failed;
        });
    });
}

}  // namespace m4dl
