#include "m4dl/linalg/diffusion.hpp"

#include "m4dl/base/simd.hpp"
#include "m4dl/linalg/interpolation.hpp"

namespace m4dl {
namespace {

using simd::load, simd::store;

constexpr int L = static_cast<int>(kLanes);
constexpr int kSweepsOnCoarsest = 4;  // at most 2 x 2 (x 2) nodes

template <int W, class T>
inline constexpr int kPart = std::is_same_v<T, float> ? simd::kFloatWidth<W> : W;
template <int W, class T>
using Vec = decltype(load<W>(static_cast<const T*>(nullptr)));

using Fields = Diffusion::Workspace::Fields;

// The cells around the nodes of one line and the way to their other corners. Bit a of a cell's
// number says whether it lies after the node along axis a (bit 0: the last axis).
template <int D, class T>
struct Around {
    static constexpr int kCells = 1 << D;
    Index first_cell;                            // before the line's node 0, on all axes
    Index cell[kCells], corner[kCells][kCells];  // offsets of cells, of nodes
    const Elements<T>* elements;
    Index row[kCells];  // kind of the cell along the axes before the last, into the table
    Index cells;        // along the line

    M4DL_INLINE Around(const GridLevel& g, const Elements<T>& e, Index slab, Index line)
        : elements(&e), cells(g.nodes - 1) {
        const Index stride[3] = {1, g.nodes, g.lines * g.nodes};
        const Index cell_stride[3] = {1, g.nodes - 1, (g.nodes - 1) * (D == 3 ? g.lines - 1 : 1)};
        const Index at[3] = {0, D == 3 ? line : slab, slab};
        const Index count[3] = {g.nodes - 1, D == 3 ? g.lines - 1 : g.slabs - 1, g.slabs - 1};
        // In two dimensions slabs are the axis next to the last.
        const Index node_stride[3] = {1, D == 3 ? stride[1] : stride[2], stride[2]};
        first_cell = -1;
        for (int a = 1; a < D; ++a) first_cell += (at[a] - 1) * cell_stride[a];
        for (int c = 0; c < kCells; ++c) {
            cell[c] = 0;
            row[c] = 0;
            for (int a = 0; a < D; ++a) cell[c] += ((c >> a) & 1) * cell_stride[a];
            for (int a = D - 1; a > 0; --a)
                row[c] = 3 * row[c] + Elements<T>::kind(at[a] - 1 + ((c >> a) & 1), count[a]);
            row[c] *= 3;
            for (int q = 0; q < kCells; ++q) {
                corner[c][q] = 0;
                for (int a = 0; a < D; ++a)
                    if ((q >> a) & 1)
                        corner[c][q] += ((c >> a) & 1) ? node_stride[a] : -node_stride[a];
            }
        }
    }

    // Element matrices of the cells around node k.
    M4DL_INLINE void at_node(Index k, const T* (&matrix)[kCells]) const {
        for (int c = 0; c < kCells; ++c)
            matrix[c] = elements->table[row[c] + Elements<T>::kind(k - 1 + (c & 1), cells)].data();
    }

    // Calls node(k, matrices) for k = first, first + step, ... inside the line; the matrices of all
    // but the outermost nodes are the same.
    template <class Node>
    M4DL_INLINE void for_nodes(Index first, Index step, Node&& node) const {
        const T* matrix[kCells];
        const Index last = cells - 1;
        Index k = first;
        auto at_end = [&](Index end) M4DL_INLINE_LAMBDA {
            if (k != end) return;
            at_node(k, matrix);
            node(k, matrix);
            k += step;
        };
        at_end(1);
        if (k < last) at_node(std::min<Index>(2, last), matrix);
        for (; k < last; k += step) node(k, matrix);
        at_end(last);
    }
};

// sum over the other corners of the cells around a node: what A u holds besides the diagonal.
template <int W, int D, class T>
M4DL_INLINE Vec<W, T> coupled(const Around<D, T>& around, const T* const (&matrix)[1 << D],
                              const T* k, const T* u) {
    Vec<W, T> sum{};
    for (int c = 0; c < (1 << D); ++c) {
        Vec<W, T> part = matrix[c][1] * load<W>(u + around.corner[c][1] * L);
        for (int q = 2; q < (1 << D); ++q)
            part += matrix[c][q] * load<W>(u + around.corner[c][q] * L);
        sum += load<W>(k + around.cell[c] * L) * part;
    }
    return sum;
}

template <int W, int D, class T>
M4DL_INLINE Vec<W, T> diagonal(const Around<D, T>& around, const T* const (&matrix)[1 << D],
                               const T* k) {
    Vec<W, T> sum{};
    for (int c = 0; c < (1 << D); ++c) sum += matrix[c][0] * load<W>(k + around.cell[c] * L);
    return sum;
}

template <int D, class Body>
M4DL_INLINE void for_lines(const GridLevel& g, Index first, Index step, Body&& body) {
    if constexpr (D == 2)
        body(Index{0});
    else
        for (Index l = first; l + 1 < g.lines; l += step) body(l);
}

// What one pass does with the slabs [begin, end) of a level.
struct Task {
    enum class Kind { kInvert, kRelax, kResidual } kind;
    const GridLevel& g;
    const Elements<float>& elements;
    Fields& x;
    Index parity;   // of the slabs to relax
    bool backward;  // the order of lines and nodes within a slab
};

template <int W, int D>
M4DL_INLINE void relax_line(const Task& t, Index slab, Index line, Index parity) {
    const Around<D, float> around(t.g, t.elements, slab, line);
    const Index at = t.g.line(slab, line);
    around.for_nodes(parity == 1 ? 1 : 2, 2, [&](Index k, const auto& matrix) M4DL_INLINE_LAMBDA {
        const float* kappa = t.x.k.data() + (around.first_cell + k) * L;
        for (int h = 0; h < L; h += kPart<W, float>) {
            const Index here = (at + k) * L + h;
            float* u = t.x.u.data() + here;
            const auto sum =
                load<W>(t.x.rhs.data() + here) - coupled<W, D, float>(around, matrix, kappa + h, u);
            store<W>(u, sum * load<W>(t.x.inverse.data() + here));
        }
    });
}

template <int W, int D>
M4DL_INLINE void run(const Task& t, Index begin, Index end) {
    for (Index slab = begin; slab < end; ++slab) {
        if (t.kind == Task::Kind::kRelax) {
            if (slab % 2 != t.parity) continue;
            // Four colours of lines and nodes in space, two of nodes in the plane.
            for (int pass = 0; pass < (1 << (D - 1)); ++pass) {
                const int colour = t.backward ? (1 << (D - 1)) - 1 - pass : pass;
                for_lines<D>(t.g, (colour >> 1) == 1 ? 1 : 2, 2,
                             [&](Index line) M4DL_INLINE_LAMBDA {
                                 relax_line<W, D>(t, slab, line, colour & 1);
                             });
            }
            continue;
        }
        for_lines<D>(t.g, 1, 1, [&](Index line) M4DL_INLINE_LAMBDA {
            const Around<D, float> around(t.g, t.elements, slab, line);
            const Index at = t.g.line(slab, line);
            around.for_nodes(1, 1, [&](Index k, const auto& matrix) M4DL_INLINE_LAMBDA {
                const float* kappa = t.x.k.data() + (around.first_cell + k) * L;
                for (int h = 0; h < L; h += kPart<W, float>) {
                    const Index here = (at + k) * L + h;
                    const auto d = diagonal<W, D, float>(around, matrix, kappa + h);
                    if (t.kind == Task::Kind::kInvert) {
                        store<W>(t.x.inverse.data() + here, (Vec<W, float>{} + 1.0f) / d);
                        continue;
                    }
                    const float* u = t.x.u.data() + here;
                    store<W>(t.x.residual.data() + here,
                             load<W>(t.x.rhs.data() + here) - d * load<W>(u) -
                                 coupled<W, D, float>(around, matrix, kappa + h, u));
                }
            });
        });
    }
}

// w := A p in double precision.
struct Product {
    const GridLevel& g;
    const Elements<double>& elements;
    const double *k, *p;
    double* w;
};

template <int W, int D>
M4DL_INLINE void multiply(const Product& x, Index begin, Index end) {
    for (Index slab = begin; slab < end; ++slab)
        for_lines<D>(x.g, 1, 1, [&](Index line) M4DL_INLINE_LAMBDA {
            const Around<D, double> around(x.g, x.elements, slab, line);
            const Index at = x.g.line(slab, line);
            around.for_nodes(1, 1, [&](Index k, const auto& matrix) M4DL_INLINE_LAMBDA {
                const double* kappa = x.k + (around.first_cell + k) * L;
                for (int h = 0; h < L; h += W) {
                    const double* p = x.p + (at + k) * L + h;
                    store<W>(x.w + (at + k) * L + h,
                             diagonal<W, D, double>(around, matrix, kappa + h) * load<W>(p) +
                                 coupled<W, D, double>(around, matrix, kappa + h, p));
                }
            });
        });
}

template <int W>
M4DL_INLINE void run_kernel(const Task& t, Index begin, Index end) {
    t.g.plane() ? run<W, 2>(t, begin, end) : run<W, 3>(t, begin, end);
}
template <int W>
M4DL_INLINE void multiply_kernel(const Product& x, Index begin, Index end) {
    x.g.plane() ? multiply<W, 2>(x, begin, end) : multiply<W, 3>(x, begin, end);
}
M4DL_DISPATCH(run_kernel, run_slabs, (const Task& t, Index begin, Index end), (t, begin, end))
M4DL_DISPATCH(multiply_kernel, multiply_slabs, (const Product& x, Index begin, Index end),
              (x, begin, end))

// The nodes that carry a coarse hat function along one axis, with its values there (the column of
// the interpolation), or the fine cells of a coarse cell, with their shares of it.
struct Share {
    Index first = 0;
    int count = 0;
    double weight[3];
};
Share hat(const Coarsening& c, Index coarse) {
    Share s;
    for (Index k = std::max<Index>(1, c.kept[coarse] - 1);
         k <= c.kept[coarse] + 1 && k + 1 < static_cast<Index>(c.left.size()); ++k) {
        const double w = c.left[k] == coarse ? c.a[k] : c.left[k] == coarse - 1 ? c.b[k] : 0.0;
        if (w == 0.0) continue;
        if (s.count == 0) s.first = k;
        s.weight[s.count++] = w;
    }
    return s;
}
Share members(const Coarsening& c, const Axis& fine, Index coarse) {
    Share s;
    s.first = c.kept[coarse];
    for (Index k = c.kept[coarse]; k < c.kept[coarse + 1]; ++k)
        s.weight[s.count++] = fine.width(k) / c.coarse.width(coarse);
    return s;
}

}  // namespace

// How the entries of a coarse field are gathered from a finer one, axis by axis.
struct Diffusion::Shares {
    Index fine[3], coarse[3];  // entries along each axis; 1 where there is no middle axis
    std::vector<Share> share[3];
    Index margin = 0;  // 1: without the ends, which are on the boundary
};

namespace {

using Shares = Diffusion::Shares;

// to(i, j, k) := sum over the shares along each axis of from.
struct Gather {
    const float* from;
    float* to;
    const Shares& shares;
};

template <int W>
M4DL_INLINE void gather_kernel(const Gather& g, Index begin, Index end) {
    for (Index i = begin; i < end; ++i)
        for (Index j = g.shares.coarse[1] == 1 ? 0 : g.shares.margin;
             j < (g.shares.coarse[1] == 1 ? 1 : g.shares.coarse[1] - g.shares.margin); ++j)
            for (Index k = g.shares.margin; k < g.shares.coarse[2] - g.shares.margin; ++k) {
                const Share &a = g.shares.share[0][i], &b = g.shares.share[1][j],
                            &c = g.shares.share[2][k];
                for (int h = 0; h < L; h += simd::kFloatWidth<W>) {
                    simd::Float<W> sum{};
                    for (int p = 0; p < a.count; ++p)
                        for (int q = 0; q < b.count; ++q) {
                            const double w = a.weight[p] * b.weight[q];
                            const float* line = g.from +
                                                (((a.first + p) * g.shares.fine[1] + b.first + q) *
                                                     g.shares.fine[2] +
                                                 c.first) *
                                                    L +
                                                h;
                            for (int r = 0; r < c.count; ++r)
                                sum += static_cast<float>(w * c.weight[r]) * load<W>(line + r * L);
                        }
                    store<W>(g.to + ((i * g.shares.coarse[1] + j) * g.shares.coarse[2] + k) * L + h,
                             sum);
                }
            }
}
M4DL_DISPATCH(gather_kernel, gather_slabs, (const Gather& g, Index begin, Index end),
              (g, begin, end))

// u += P e.
struct Correction {
    const GridLevel &fine, &coarse;
    const float* e;
    float* u;
};
template <int W>
M4DL_INLINE void correct_kernel(const Correction& c, Index begin, Index end) {
    for (Index slab = begin; slab < end; ++slab)
        if (c.fine.plane())
            interpolate_slab<W, 2>(c.fine, c.coarse, c.e, c.u, slab);
        else
            interpolate_slab<W, 4>(c.fine, c.coarse, c.e, c.u, slab);
}
M4DL_DISPATCH(correct_kernel, correct_slabs, (const Correction& c, Index begin, Index end),
              (c, begin, end))

// Element matrices for the three kinds of cells along each axis. With h the width along an axis, the
// one-dimensional stiffness and mass are [1 -1; -1 1]/h and h/6 [2 1; 1 2]; in d dimensions they
// combine as tensor products.
template <class T>
Elements<T> elements_of(const std::vector<Axis>& axes) {
    const int d = static_cast<int>(axes.size());
    Elements<T> out;
    for (int entry = 0; entry < 27; ++entry) {
        double width[3];
        for (int a = 0, rest = entry; a < d; ++a, rest /= 3) {  // a = 0: the last axis
            const Axis& x = axes[d - 1 - a];
            const Index last = x.cells() - 1;
            width[a] = x.width(rest % 3 == 0 ? 0 : rest % 3 == 2 ? last : std::min<Index>(1, last));
        }
        for (int q = 0; q < (1 << d); ++q) {
            double value = 0.0;
            for (int along = 0; along < d; ++along) {
                double product = 1.0;
                for (int a = 0; a < d; ++a) {
                    const bool same = ((q >> a) & 1) == 0;
                    product *=
                        a == along ? (same ? 1.0 : -1.0) / width[a] : width[a] / (same ? 3.0 : 6.0);
                }
                value += product;
            }
            out.table[entry][q] = static_cast<T>(value);
        }
    }
    return out;
}

Index cells_of(const GridLevel& g) {
    Index n = 1;
    for (const Axis& x : g.axes) n *= x.cells();
    return n;
}

// Gathers cells (the mean of k) or nodes (the transpose of the interpolation) for the next level.
Shares shares_of(const GridLevel& g, bool cells) {
    Shares out;
    out.margin = cells ? 0 : 1;
    const int d = static_cast<int>(g.axes.size());
    for (int a = 0; a < 3; ++a) {
        const int axis = a == 0 ? 0 : a == 2 ? d - 1 : d == 3 ? 1 : -1;
        if (axis < 0) {  // no middle axis: one line
            out.fine[a] = out.coarse[a] = 1;
            out.share[a] = {Share{0, 1, {1.0, 0.0, 0.0}}};
            continue;
        }
        const Coarsening& c = g.coarsening[axis];
        out.fine[a] = g.axes[axis].cells() + (cells ? 0 : 1);
        out.coarse[a] = c.coarse.cells() + (cells ? 0 : 1);
        for (Index k = 0; k < out.coarse[a]; ++k)
            out.share[a].push_back(cells ? members(c, g.axes[axis], k) : hat(c, k));
    }
    return out;
}

}  // namespace

Diffusion::Diffusion(std::vector<Axis> axes) : levels_(nested_grids(std::move(axes))) {
    for (const GridLevel& g : levels_) elements_.push_back(elements_of<float>(g.axes));
    finest_elements_ = elements_of<double>(levels_[0].axes);
    for (const Axis& x : levels_[0].axes) unknowns_ *= x.cells() - 1;
    for (std::size_t k = 0; k + 1 < levels_.size(); ++k) {
        means_.push_back(std::make_shared<Shares>(shares_of(levels_[k], true)));
        transposes_.push_back(std::make_shared<Shares>(shares_of(levels_[k], false)));
    }
}

Diffusion::Workspace Diffusion::workspace() const {
    Workspace w;
    for (const GridLevel& g : levels_) {
        const FloatBlock field = FloatBlock::Zero(g.size(), kLanes);
        w.levels.push_back({FloatBlock::Zero(cells_of(g), kLanes), field, field, field, field});
    }
    return w;
}

void Diffusion::set(const Block& k, Workspace& w) const {
    w.k = k.data();
    for_ranges(k.rows(), 1, [&](Index begin, Index end) {
        w.levels[0].k.middleRows(begin, end - begin) =
            k.middleRows(begin, end - begin).cast<float>();
    });
    for (std::size_t level = 0; level < levels_.size(); ++level) {
        const GridLevel& g = levels_[level];
        const Task task{Task::Kind::kInvert, g, elements_[level], w.levels[level], 0, false};
        for_slabs(g, [&](Index begin, Index end) { run_slabs(task, begin, end); });
        if (level + 1 == levels_.size()) break;
        const Shares& shares = *means_[level];
        const Gather mean{w.levels[level].k.data(), w.levels[level + 1].k.data(), shares};
        for_ranges(shares.coarse[0], shares.coarse[1] * shares.coarse[2],
                   [&](Index begin, Index end) { gather_slabs(mean, begin, end); });
    }
}

void Diffusion::apply(const Block& p, Block& image, const Workspace& w) const {
    const Product product{levels_[0], finest_elements_, w.k, p.data(), image.data()};
    for_slabs(levels_[0], [&](Index begin, Index end) { multiply_slabs(product, begin, end); });
}

const FloatBlock& Diffusion::precondition(const Block& r, Workspace& w) const {
    for_ranges(r.rows(), 1, [&](Index begin, Index end) {
        w.levels[0].rhs.middleRows(begin, end - begin) =
            r.middleRows(begin, end - begin).cast<float>();
    });
    cycle(0, w);
    return w.levels[0].u;
}

void Diffusion::cycle(std::size_t level, Workspace& w) const {
    const GridLevel& g = levels_[level];
    Fields& x = w.levels[level];
    auto pass = [&](const Task& task) {
        for_slabs(g, [&](Index begin, Index end) { run_slabs(task, begin, end); });
    };
    auto relax = [&](Index parity, bool backward) {
        pass({Task::Kind::kRelax, g, elements_[level], x, parity, backward});
    };
    x.u.setZero();
    relax(0, false);
    relax(1, false);
    if (level + 1 == levels_.size()) {
        for (int sweep = 1; sweep < kSweepsOnCoarsest; ++sweep) {
            relax(0, false);
            relax(1, false);
        }
        for (int sweep = 0; sweep < kSweepsOnCoarsest; ++sweep) {
            relax(1, true);
            relax(0, true);
        }
        return;
    }
    pass({Task::Kind::kResidual, g, elements_[level], x, 0, false});
    const GridLevel& coarse = levels_[level + 1];
    Fields& below = w.levels[level + 1];
    const Gather gather{x.residual.data(), below.rhs.data(), *transposes_[level]};
    for_slabs(coarse, [&](Index begin, Index end) { gather_slabs(gather, begin, end); });
    cycle(level + 1, w);
    const Correction correction{g, coarse, below.u.data(), x.u.data()};
    for_slabs(g, [&](Index begin, Index end) { correct_slabs(correction, begin, end); });
    relax(1, true);
    relax(0, true);
}

}  // namespace m4dl
