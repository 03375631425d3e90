// Multilinear (Q1) elements on a box: the element matrices, and the nodes of one line with the cells
// around them. The matrix is never stored: a cell couples its corners by its coefficient times one
// of few element matrices.
#pragma once

#include "m4dl/base/simd.hpp"
#include "m4dl/linalg/nested_grids.hpp"

namespace m4dl {

// Element matrix of a cell: the entry of corners p and q depends on p xor q alone.
template <class T>
using Element = std::array<T, 8>;

// The element matrices of a level. All cells but the first and the last along an axis are equal.
template <class T>
struct Elements {
    std::array<Element<T>, 27> table{};  // 3 kinds along each axis, the last axis fastest

    static Index kind(Index cell, Index cells) { return cell == 0 ? 0 : cell == cells - 1 ? 2 : 1; }

    // With h the width along an axis, the one-dimensional stiffness and mass are [1 -1; -1 1]/h and
    // h/6 [2 1; 1 2]; in d dimensions they combine as tensor products.
    explicit Elements(const std::vector<Axis>& axes) {
        const int d = static_cast<int>(axes.size());
        for (int entry = 0; entry < 27; ++entry) {
            double width[3];
            for (int a = 0, rest = entry; a < d; ++a, rest /= 3) {  // a = 0: the last axis
                const Axis& x = axes[d - 1 - a];
                const Index last = x.cells() - 1;
                width[a] = x.width(rest % 3 == 0   ? 0
                                   : rest % 3 == 2 ? last
                                                   : std::min<Index>(1, last));
            }
            for (int q = 0; q < (1 << d); ++q) {
                double value = 0.0;
                for (int along = 0; along < d; ++along) {
                    double product = 1.0;
                    for (int a = 0; a < d; ++a) {
                        const bool same = ((q >> a) & 1) == 0;
                        product *= a == along ? (same ? 1.0 : -1.0) / width[a]
                                              : width[a] / (same ? 3.0 : 6.0);
                    }
                    value += product;
                }
                table[entry][q] = static_cast<T>(value);
            }
        }
    }
};

template <int W, class T>
inline constexpr int kPart = std::is_same_v<T, float> ? simd::kFloatWidth<W> : W;
template <int W, class T>
using Vec = decltype(simd::load<W>(static_cast<const T*>(nullptr)));

// What A u holds at a node, by parts.
template <int W, class T>
struct Row {
    Vec<W, T> along, across;  // from the neighbours on the line, and from all others
    Vec<W, T> diagonal;       // the entry itself
};

// The cells around the nodes of one line and the way to their other corners. Bit a of a cell's
// number says whether it lies after the node along axis a (bit 0: the last axis).
template <int D, class T>
struct Q1Line {
    static constexpr int kCells = 1 << D;
    static constexpr int L = static_cast<int>(kLanes);
    Index first_cell;                            // before the line's node 0, on all axes
    Index cell[kCells], corner[kCells][kCells];  // offsets of cells, of nodes
    const Elements<T>* elements;
    Index row[kCells];  // kind of the cell along the axes before the last, into the table
    Index cells;        // along the line
    bool even = true;   // the cells around its inner nodes are all alike

    M4DL_INLINE Q1Line(const GridLevel& g, const Elements<T>& e, Index slab, Index line)
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
            even = even && e.table[row[c] + 1] == e.table[row[0] + 1];
            for (int q = 0; q < kCells; ++q) {
                corner[c][q] = 0;
                for (int a = 0; a < D; ++a)
                    if ((q >> a) & 1)
                        corner[c][q] += ((c >> a) & 1) ? node_stride[a] : -node_stride[a];
            }
        }
    }

    // visit(k, row) for k = first, first + Step, ... inside the line, `row` a Row of A u: a part of
    // it that is not used is not computed. `kappa`: the field of cells, `u`: the line's node 0.
    template <int W, int Step, class Visit>
    M4DL_INLINE void for_nodes(const T* kappa, const T* u, Index first, Visit&& visit) const {
        kappa += first_cell * L;
        const Index last = cells - 1;
        Index k = first;
        auto any = [&](Index node) M4DL_INLINE_LAMBDA {
            const T* m[kCells];
            for (int c = 0; c < kCells; ++c)
                m[c] =
                    elements->table[row[c] + Elements<T>::kind(node - 1 + (c & 1), cells)].data();
            visit(node, sum<W>(m, kappa + node * L, u + node * L));
        };
        if (k == 1) {
            any(k);
            k += Step;
        }
        if (even && D == 2) {
            if constexpr (D == 2) k = alike<W, Step>(kappa, u, k, last, visit);
        } else {
            const T* m[kCells];
            for (int c = 0; c < kCells; ++c) m[c] = elements->table[row[c] + 1].data();
            for (; k < last; k += Step) visit(k, sum<W>(m, kappa + k * L, u + k * L));
        }
        if (k == last) any(k);
    }

private:
    // Any cells: m are their element matrices.
    template <int W>
    M4DL_INLINE Row<W, T> sum(const T* const (&m)[kCells], const T* kappa, const T* u) const {
        Row<W, T> out{};
        for (int c = 0; c < kCells; ++c) {
            const Vec<W, T> k = simd::load<W>(kappa + cell[c] * L);
            Vec<W, T> others{};
            for (int q = 2; q < kCells; ++q)
                others += m[c][q] * simd::load<W>(u + corner[c][q] * L);
            out.along += k * (m[c][1] * simd::load<W>(u + corner[c][1] * L));
            out.across += k * others;
            out.diagonal += k * m[c][0];
        }
        return out;
    }

    // Four equal cells, in the plane; returns where it ended.
    template <int W, int Step, class Visit>
    M4DL_INLINE Index alike(const T* kappa, const T* u, Index k, Index end, Visit&& visit) const {
        const Element<T>& e = elements->table[row[0] + 1];
        const T self = e[0], beside = e[1], above = e[2], corner_of = e[3];
        const Index up = corner[2][2] * L, to_north = cell[2] * L;
        struct Column {
            Vec<W, T> south, here, north;
        };
        auto column = [&](Index node) M4DL_INLINE_LAMBDA {
            const T* at = u + node * L;
            return Column{simd::load<W>(at - up), simd::load<W>(at), simd::load<W>(at + up)};
        };
        Column left = column(k - 1), middle = Step == 1 ? column(k) : Column{};
        for (; k < end; k += Step) {
            const Column right = column(k + 1);
            if constexpr (Step == 2) middle = column(k);
            const T *south = kappa + k * L, *north = south + to_north;
            const Vec<W, T> sw = simd::load<W>(south), se = simd::load<W>(south + L),
                            nw = simd::load<W>(north), ne = simd::load<W>(north + L);
            Row<W, T> out;
            out.along = beside * ((sw + nw) * left.here + (se + ne) * right.here);
            out.across = above * ((sw + se) * middle.south + (nw + ne) * middle.north) +
                         corner_of * ((sw * left.south + se * right.south) +
                                      (nw * left.north + ne * right.north));
            out.diagonal = self * ((sw + se) + (nw + ne));
            visit(k, out);
            if constexpr (Step == 1) {
                left = middle;
                middle = right;
            } else
                left = right;
        }
        return k;
    }
};

}  // namespace m4dl
