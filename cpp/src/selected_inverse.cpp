#include "m4dl/linalg/selected_inverse.hpp"

#include "m4dl/base/simd.hpp"

namespace m4dl {
namespace {

using simd::load, simd::store, simd::Real;

// A matrix whose entries are steps apart: `row` for the next row, `column` for the next column.
struct View {
    const double* data;
    Index row, column;
};

// R rows and C vectors of columns of out += sign a b; b and out by rows, sums in the order of q.
template <int W, int R, int C>
M4DL_INLINE void multiply_tile(double* out, Index out_row, double sign, const View& a,
                               const double* b, Index b_row, Index depth) {
    Real<W> sum[R][C] = {};
    for (Index q = 0; q < depth; ++q) {
        Real<W> right[C];
        for (int c = 0; c < C; ++c) right[c] = load<W>(b + q * b_row + c * W);
        for (int r = 0; r < R; ++r) {
            const Real<W> left = simd::broadcast<W>(a.data[r * a.row + q * a.column]);
            for (int c = 0; c < C; ++c) sum[r][c] += left * right[c];
        }
    }
    for (int r = 0; r < R; ++r)
        for (int c = 0; c < C; ++c) {
            double* at = out + r * out_row + c * W;
            store<W>(at, load<W>(at) + simd::broadcast<W>(sign) * sum[r][c]);
        }
}

template <int W, int R>
M4DL_INLINE void multiply_rows(double* out, double sign, const View& a, const double* b,
                               Index columns, Index depth) {
    Index j = 0;
    for (; j + 2 * W <= columns; j += 2 * W)
        multiply_tile<W, R, 2>(out + j, columns, sign, a, b + j, columns, depth);
    for (; j < columns; ++j)
        multiply_tile<1, R, 1>(out + j, columns, sign, a, b + j, columns, depth);
}

// out (rows, columns) += sign a b with b (depth, columns).
template <int W>
M4DL_INLINE void multiply_kernel(double* out, double sign, const View& a, const double* b,
                                 Index rows, Index columns, Index depth) {
    Index i = 0;
    for (; i + 4 <= rows; i += 4)
        multiply_rows<W, 4>(out + i * columns, sign, {a.data + i * a.row, a.row, a.column}, b,
                            columns, depth);
    for (; i < rows; ++i)
        multiply_rows<W, 1>(out + i * columns, sign, {a.data + i * a.row, a.row, a.column}, b,
                            columns, depth);
}
M4DL_DISPATCH(multiply_kernel, add_product,
              (double* out, double sign, const View& a, const double* b, Index rows, Index columns,
               Index depth),
              (out, sign, a, b, rows, columns, depth))

void transpose(const double* from, Index rows, Index columns, double* to) {
    for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < columns; ++j) to[j * rows + i] = from[i * columns + j];
}

// The inverse of the leading triangle of a panel, whose diagonal holds 1/l.
std::vector<double> triangle_inverse(const double* panel, Index width) {
    std::vector<double> out(static_cast<std::size_t>(width * width), 0.0);
    for (Index i = 0; i < width; ++i) {
        double* row = out.data() + i * width;
        for (Index k = 0; k < i; ++k) {
            const double l = panel[i * width + k];
            const double* above = out.data() + k * width;
            for (Index j = 0; j <= k; ++j) row[j] -= l * above[j];
        }
        const double inverse = panel[i * width + i];
        for (Index j = 0; j < i; ++j) row[j] *= inverse;
        row[i] = inverse;
    }
    return out;
}

}  // namespace

SelectedInverse::SelectedInverse(const LowerPattern& pattern, const Vector& values,
                                 const Matrix& coordinates, Vector mass, Index power)
    : symbolic_(std::make_shared<Symbolic>(analyse(pattern, coordinates))),
      factor_(symbolic_),
      mass_(std::move(mass)),
      terms_(power + 1),
      parent_(symbolic_->nodes.size(), -1),
      eliminated_(symbolic_->nodes.size()),
      updates_(symbolic_->nodes.size()),
      inverses_(symbolic_->nodes.size()),
      diagonal_(Vector::Zero(pattern.size)) {
    require(power >= 0, "power must not be negative, got ", power);
    require(mass_.size() == pattern.size, "mass must have ", pattern.size, " entries");
    require(values.size() == pattern.nonzeros(), "A has ", values.size(), " values for ",
            pattern.nonzeros(), " entries");
    factor_.factor(values.data());
    require(!factor_.failed().isNaN().any(), "A must be positive definite");
    const auto& nodes = symbolic_->nodes;
    for (Index q = 0; q < static_cast<Index>(nodes.size()); ++q) {
        for (Index c = nodes[q].children; c < nodes[q].children_end; ++c)
            parent_[symbolic_->children[c]] = q;
        work_ += 2.0 * cost(q);
    }
    left_ = work_;
}

double SelectedInverse::cost(Index q) const {
    const Supernode& node = symbolic_->nodes[q];
    const auto width = static_cast<double>(node.width), height = static_cast<double>(node.height);
    return 0.5 * static_cast<double>(terms_ * (terms_ + 1)) * width * height * height;
}

void SelectedInverse::advance(double work) {
    const auto count = static_cast<Index>(symbolic_->nodes.size());
    for (const double stop = left_ - work; next_ < 2 * count && left_ > stop; ++next_) {
        const Index q = next_ < count ? next_ : 2 * count - 1 - next_;
        if (next_ < count)
            eliminate(q);
        else
            invert(q);
        left_ -= cost(q);
    }
    if (next_ == 2 * count) left_ = 0.0;  // whatever the rounding
}

// The front of s: entries of M, and what the children leave. Coefficient 0 is the factor's own.
void SelectedInverse::assemble(Index q, Series& jj, Series& rj, Series& rr) {
    const Symbolic& s = *symbolic_;
    const Supernode& node = s.nodes[q];
    const Index width = node.width, rest = node.height - width;
    if (terms_ > 1)
        for (Index k = 0; k < width; ++k)
            jj[width * width + k * width + k] = mass_[s.order[node.first + k]];
    for (Index c = node.children; c < node.children_end; ++c) {
        const Index id = s.children[c];
        const Supernode& child = s.nodes[id];
        const Index below = child.height - child.width;
        const Index* at = s.relative.data() + child.relative;
        Series& update = updates_[id];
        for (Index k = 1; k < terms_; ++k)
            for (Index i = 0; i < below; ++i) {
                const double* from = update.data() + (k * below + i) * below;
                const Index row = at[i];
                if (row < width) {
                    double* to = jj.data() + (k * width + row) * width;
                    for (Index j = 0; j < child.into_panel; ++j) to[at[j]] += from[j];
                    continue;
                }
                double* to = rj.data() + (k * rest + row - width) * width;
                for (Index j = 0; j < child.into_panel; ++j) to[at[j]] += from[j];
                to = rr.data() + (k * rest + row - width) * rest - width;
                for (Index j = child.into_panel; j < below; ++j) to[at[j]] += from[j];
            }
        Series().swap(update);
    }
}

// With X = F_JJ^{-1}, G = F_RJ X and U = F_RR - G F_JR, coefficients of s^k:
//     X_k = -X_0 sum_{j >= 1} F_JJ,j X_{k-j},
//     G_k = H_k X_0,  H_k = F_RJ,k - sum_{j >= 1} G_{k-j} F_JJ,j,
//     U_k = F_RR,k - sum_{j < k} G_j F_JR,k-j - H_k G_0'.
void SelectedInverse::eliminate(Index q) {
    const Supernode& node = symbolic_->nodes[q];
    const Index width = node.width, rest = node.height - width;
    const Index ww = width * width, rw = rest * width;
    const auto sized = [this](Index n) {
        return Series(static_cast<std::size_t>(terms_ * n), 0.0);
    };
    Series jj = sized(ww), rj = sized(rw), rr = sized(rest * rest);
    assemble(q, jj, rj, rr);

    Series x = sized(ww), g = sized(rw);
    const double* panel = factor_.panels() + node.panel;
    const auto inverse = triangle_inverse(panel, width);  // of L_JJ
    add_product(x.data(), 1.0, {inverse.data(), 1, width}, inverse.data(), width, width, width);
    add_product(g.data(), 1.0, {panel + ww, width, 1}, inverse.data(), rest, width, width);
    std::vector<double> sum, turned(static_cast<std::size_t>(rw));
    for (Index k = 1; k < terms_; ++k) {
        sum.assign(static_cast<std::size_t>(ww), 0.0);
        for (Index j = 1; j <= k; ++j)
            add_product(sum.data(), 1.0, {jj.data() + j * ww, width, 1}, x.data() + (k - j) * ww,
                        width, width, width);
        add_product(x.data() + k * ww, -1.0, {x.data(), width, 1}, sum.data(), width, width, width);
        sum.assign(rj.begin() + k * rw, rj.begin() + (k + 1) * rw);  // H_k
        for (Index j = 1; j <= k; ++j)
            add_product(sum.data(), -1.0, {g.data() + (k - j) * rw, width, 1}, jj.data() + j * ww,
                        rest, width, width);
        add_product(g.data() + k * rw, 1.0, {sum.data(), width, 1}, x.data(), rest, width, width);
        double* update = rr.data() + k * rest * rest;
        transpose(g.data(), rest, width, turned.data());
        add_product(update, -1.0, {sum.data(), width, 1}, turned.data(), rest, rest, width);
        for (Index j = 0; j < k; ++j) {
            transpose(rj.data() + (k - j) * rw, rest, width, turned.data());
            add_product(update, -1.0, {g.data() + j * rw, width, 1}, turned.data(), rest, rest,
                        width);
        }
    }
    if (terms_ > 1) updates_[q] = std::move(rr);
    eliminated_[q] = {std::move(x), std::move(g)};
}

// Of Z = A(s)^{-1}: Z_RR is the parent's, Z_RJ = -Z_RR G and Z_JJ = X - G' Z_RJ.
void SelectedInverse::invert(Index q) {
    const Symbolic& s = *symbolic_;
    const Supernode& node = s.nodes[q];
    const Index width = node.width, rest = node.height - width, height = node.height;
    const Index ww = width * width, rw = rest * width, r2 = rest * rest;
    const auto& [x, g] = eliminated_[q];
    Series rr(static_cast<std::size_t>(terms_ * r2)),
        rj(static_cast<std::size_t>(terms_ * rw), 0.0);
    Series jj = x;
    if (rest > 0) {
        const Index* at = s.relative.data() + node.relative;
        const Index stride = s.nodes[parent_[q]].height;
        const double* whole = inverses_[parent_[q]].data();
        for (Index k = 0; k < terms_; ++k)
            for (Index i = 0; i < rest; ++i)
                for (Index j = 0; j < rest; ++j)
                    rr[(k * rest + i) * rest + j] = whole[(k * stride + at[i]) * stride + at[j]];
    }
    for (Index k = 0; k < terms_; ++k)
        for (Index j = 0; j <= k; ++j)
            add_product(rj.data() + k * rw, -1.0, {rr.data() + (k - j) * r2, rest, 1},
                        g.data() + j * rw, rest, width, rest);
    for (Index k = 0; k < terms_; ++k)
        for (Index j = 0; j <= k; ++j)
            add_product(jj.data() + k * ww, -1.0, {g.data() + j * rw, 1, width},
                        rj.data() + (k - j) * rw, width, width, rest);
    const double sign = terms_ % 2 == 1 ? 1.0 : -1.0;
    for (Index k = 0; k < width; ++k)
        diagonal_[s.order[node.first + k]] = sign * jj[(terms_ - 1) * ww + k * width + k];

    if (node.children < node.children_end) {
        Series& whole = inverses_[q];
        whole.resize(static_cast<std::size_t>(terms_ * height * height));
        for (Index k = 0; k < terms_; ++k)
            for (Index i = 0; i < height; ++i)
                for (Index j = 0; j < height; ++j) {
                    double& to = whole[(k * height + i) * height + j];
                    if (i < width && j < width)
                        to = jj[(k * width + i) * width + j];
                    else if (j < width)
                        to = rj[(k * rest + i - width) * width + j];
                    else if (i < width)
                        to = rj[(k * rest + j - width) * width + i];
                    else
                        to = rr[(k * rest + i - width) * rest + j - width];
                }
    }
    eliminated_[q] = {};
    // Children come in ascending order, and are done in descending order.
    if (const Index p = parent_[q]; p >= 0 && s.children[s.nodes[p].children] == q)
        Series().swap(inverses_[p]);
}

}  // namespace m4dl
