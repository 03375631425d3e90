// Collects an affine system on all nodes of a mesh and eliminates the Dirichlet ones. Its parts are
// matrices of energies and masses, positive semidefinite all.
#pragma once

#include <limits>
#include <sstream>

#include "m4dl/fem/grid.hpp"
#include "m4dl/solve/affine_system.hpp"

namespace m4dl {

// Each entry lies among the unknowns (kept, lower triangle), or multiplies a known boundary value
// (moved to the right-hand side), or belongs to an eliminated row (dropped). Exact zeros, which
// right angles give, are dropped too: on a box cut into simplices they are half of the pattern.
class Assembler {
public:
    // u = values[i] at the nodes i that are `known`; A and b are affine in `coefficients` numbers.
    Assembler(const std::vector<bool>& known, Vector values, Index coefficients)
        : coefficients_(coefficients), values_(std::move(values)), unknown_(known.size()) {
        Index n = 0;
        for (std::size_t k = 0; k < known.size(); ++k) unknown_[k] = known[k] ? -1 : n++;
        require(n > 0, "the mesh has no node inside the domain");
        require(values_.size() == static_cast<Index>(known.size()), "boundary must have ",
                known.size(), " values, got ", values_.size());
        load_.setZero(n);
    }

    // A(i, j) += value; both (i, j) and (j, i) are to be added.
    void add(Index i, Index j, double value) {
        if (known(i) || value == 0.0) return;
        if (known(j))
            load_[unknown_[i]] -= value * values_[j];
        else if (i >= j)
            constant_.push_back({unknown_[i], unknown_[j], value});
    }
    // A(i, j) += c_k value.
    void add_term(Index i, Index j, Index k, double value) {
        if (known(i) || value == 0.0) return;
        if (!known(j)) {
            if (i >= j) terms_.push_back({unknown_[i], unknown_[j], k, value});
        } else if (values_[j] != 0.0) {
            load_terms_.push_back({unknown_[i], k, -value * values_[j]});
        }
    }
    void add_load(Index i, double value) {
        if (!known(i)) load_[unknown_[i]] += value;
    }

    // `points`: interpolation weights of each observation; `coordinates`: of all nodes. What was
    // collected is spent.
    AffineSystem finish(const std::vector<Weights>& points, const Matrix& coordinates) && {
        const Index n = load_.size();
        AffineSystem s;
        s.semidefinite = true;
        std::vector<std::pair<Index, Index>> entries;
        entries.reserve(constant_.size() + terms_.size() + static_cast<std::size_t>(n));
        for (const Entry& e : constant_) entries.emplace_back(e.row, e.column);
        for (const Term& t : terms_) entries.emplace_back(t.i, t.j);
        s.pattern = make_pattern(n, std::move(entries));

        s.a0 = Vector::Zero(s.pattern.nonzeros());
        for (const Entry& e : constant_) s.a0[s.pattern.find(e.row, e.column)] += e.value;
        std::vector<Entry> terms;
        terms.reserve(terms_.size());
        for (const Term& t : terms_) terms.push_back({s.pattern.find(t.i, t.j), t.k, t.value});
        std::vector<Term>().swap(terms_);
        s.terms = SparseRows(s.pattern.nonzeros(), coefficients_, std::move(terms));
        s.load = {std::move(load_)};
        if (!load_terms_.empty())
            s.load_terms = {SparseRows(n, coefficients_, std::move(load_terms_))};

        std::vector<Entry> observe;
        Vector offset = Vector::Zero(static_cast<Index>(points.size()));
        for (Index p = 0; p < offset.size(); ++p)
            for (const auto& [node, weight] : points[p]) {
                if (known(node))
                    offset[p] += weight * values_[node];
                else
                    observe.push_back({p, unknown_[node], weight});
            }
        s.observe = SparseRows(offset.size(), n, std::move(observe));
        s.offset = {std::move(offset)};
        s.coordinates.resize(n, coordinates.cols());
        for (Index k = 0; k < coordinates.rows(); ++k)
            if (!known(k)) s.coordinates.row(unknown_[k]) = coordinates.row(k);
        return s;
    }

private:
    struct Term {
        Index i, j, k;
        double value;
    };
    bool known(Index node) const { return unknown_[node] < 0; }

    Index coefficients_;
    Vector values_;
    std::vector<Index> unknown_;  // node -> its number among the unknowns, or -1
    Vector load_;
    std::vector<Entry> constant_, load_terms_;
    std::vector<Term> terms_;
};

// Interpolation weights of all points (one per row).
template <class Mesh>
std::vector<Weights> interpolation(const Mesh& mesh, const Matrix& points) {
    auto out = mesh.interpolate(points);
    for (Index p = 0; p < points.rows(); ++p) {
        if (!out[p].empty()) continue;
        std::ostringstream where;
        where.precision(std::numeric_limits<double>::max_digits10);
        for (Index a = 0; a < points.cols(); ++a) where << (a == 0 ? "" : ", ") << points(p, a);
        require(false, "points: row ", p, " (", where.str(), ") lies outside the domain");
    }
    return out;
}

}  // namespace m4dl
