// Fields with several components: theta_c = sum_k A(c, k) T_k(xi_k), the linear model of coregionalisation,
// with maps T_k of independent white noise. Components lie one after the other, in blocks of rows.
#pragma once

#include <cstring>
#include <vector>

#include "m4dl/base/require.hpp"
#include "m4dl/prior/any.hpp"

namespace m4dl {

class VectorPrior {
public:
    struct Workspace {
        std::vector<std::unique_ptr<AnyPrior::Work>>
            work;  // one for each T_k: it remembers its xi_k
        std::vector<Block> white, field;
    };

    // `mixing`: (components, factors).
    VectorPrior(std::vector<AnyPrior> factors, Matrix mixing)
        : factors_(std::move(factors)), mixing_(std::move(mixing)) {
        require(!factors_.empty(), "priors must not be empty");
        require(mixing_.cols() == static_cast<Index>(factors_.size()), "mixing must have ",
                factors_.size(), " columns, got ", mixing_.cols());
        size_ = factors_.front().parameters();
        for (const AnyPrior& factor : factors_) {
            require(factor.parameters() == size_, "priors must all have ", size_,
                    " parameters, got ", factor.parameters());
            white_ += factor.white();
        }
    }

    Index white() const { return white_; }
    Index parameters() const { return mixing_.rows() * size_; }
    Workspace workspace() const {
        Workspace w;
        for (const AnyPrior& factor : factors_) {
            w.work.push_back(factor.work());
            w.white.push_back(zeros(factor.white()));
            w.field.push_back(zeros(size_));
        }
        return w;
    }
    void push(const Block& xi, Block& theta, Workspace& w) const {
        split(xi, w.white);
        for (std::size_t k = 0; k < factors_.size(); ++k) w.work[k]->push(w.white[k], w.field[k]);
        mix(w.field, theta);
    }
    void tangent(const Block& dxi, Block& dtheta, Workspace& w) const {
        split(dxi, w.white);
        for (std::size_t k = 0; k < factors_.size(); ++k)
            w.work[k]->tangent(w.white[k], w.field[k]);
        mix(w.field, dtheta);
    }
    void pull(const Block& dtheta, Block& dxi, Workspace& w) const {
        double* to = dxi.data();
        for (std::size_t k = 0; k < factors_.size(); ++k) {
            Block& sum = w.field[k];
            sum.setZero();
            for (Index c = 0; c < mixing_.rows(); ++c) {
                const double a = mixing_(c, static_cast<Index>(k));
                if (a != 0.0) sum += a * dtheta.middleRows(c * size_, size_);
            }
            w.work[k]->pull(sum, w.white[k]);
            copy(w.white[k].data(), w.white[k].size(), to);
            to += w.white[k].size();
        }
    }

private:
    static void copy(const double* from, Index count, double* to) {
        if (count > 0) std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(double));
    }
    static void split(const Block& xi, std::vector<Block>& parts) {
        const double* from = xi.data();
        for (Block& part : parts) {
            copy(from, part.size(), part.data());
            from += part.size();
        }
    }
    void mix(const std::vector<Block>& fields, Block& theta) const {
        for (Index c = 0; c < mixing_.rows(); ++c) {
            auto component = theta.middleRows(c * size_, size_);
            component.setZero();
            for (std::size_t k = 0; k < fields.size(); ++k) {
                const double a = mixing_(c, static_cast<Index>(k));
                if (a != 0.0) component += a * fields[k];
            }
        }
    }

    std::vector<AnyPrior> factors_;
    Matrix mixing_;
    Index size_ = 0, white_ = 0;
};

static_assert(WhiteNoiseMap<VectorPrior>);

}  // namespace m4dl
