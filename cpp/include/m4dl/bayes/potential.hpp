// Phi(xi) = 1/2 sum_i ((y_i - G(T(xi))_i) / sigma_i)^2: all that a kernel sees of a posterior.
// The target is exp(-Phi(xi)) N(0, I). A reference puts another white noise z in the place of xi, a
// surrogate another potential in the place of Phi.
// Chains may have data of their own: studies put many small posteriors, which differ in y alone, into
// the lanes of one block.
#pragma once

#include "m4dl/base/parallel.hpp"
#include "m4dl/bayes/error_model.hpp"
#include "m4dl/bayes/reference.hpp"
#include "m4dl/bayes/surrogate.hpp"
#include "m4dl/model/any.hpp"
#include "m4dl/prior/any.hpp"

namespace m4dl {

class Potential {
public:
    // `data`: (1, m), the same for all chains, or (chains, m), a row for each.
    Potential(AnyModel model, AnyPrior prior, Matrix data, const Vector& noise_std,
              std::shared_ptr<const Surrogate> surrogate = nullptr)
        : model_(std::move(model)),
          prior_(std::move(prior)),
          data_(std::move(data)),
          surrogate_(std::move(surrogate)) {
        require(model_.parameters() == prior_.parameters(), "the model has ", model_.parameters(),
                " parameters but the prior ", prior_.parameters());
        require(data_.rows() > 0 && data_.cols() == model_.outputs(), "data must have ",
                model_.outputs(), " entries, got ", data_.cols());
        require(noise_std.size() == data_.cols(), "noise must have ", data_.cols(), " entries");
        precision_ = noise_std.array().square().inverse();
        require(precision_.allFinite(), "noise is too small: 1/std^2 overflows");
        require(precision_.minCoeff() >= std::numeric_limits<double>::min(),
                "noise is too large: 1/std^2 vanishes");
        auto prior_work = prior_.work();
        Block theta = Block::Zero(parameters(), kLanes);
        prior_work->push(Block::Zero(white(), kLanes), theta);
        solver_reference_ = model_.reference(theta.col(0).matrix());
        if (surrogate_) evaluate_centre(*prior_work, theta);
    }

    Index white() const { return prior_.white(); }
    Index parameters() const { return prior_.parameters(); }
    Index outputs() const { return data_.cols(); }
    const Matrix& data() const { return data_; }
    const Vector& precision() const { return precision_; }
    bool has_gradient() const { return model_.has_pull(); }
    bool has_tangent() const { return model_.has_pull() && model_.has_push(); }
    void require_chains(Index count) const {
        require(data_.rows() == 1 || data_.rows() == count, "there are data for ", data_.rows(),
                " chains, got ", count);
    }

    std::string solver() const { return model_.solver(); }
    // Where threads are best spent if there are more of them than blocks of chains.
    Threads threads() const {
        return model_.threaded() ? Threads::kInsideBlocks : Threads::kAcrossBlocks;
    }

    // The potential at work on one block of chains, in the white noise of a reference if there is one.
    class Work {
    public:
        Work(const Potential& p, Chains chains, const Reference* reference = nullptr)
            : p_(p),
              chains_(chains),
              model_(p.model_.work(chains)),
              prior_(p.prior_.work()),
              theta_(zeros(p.parameters())),
              dtheta_(zeros(p.parameters())),
              y_(zeros(p.data_.cols())),
              data_(p.data_of(chains)) {
            if (p.solver_reference_) model_->refer(p.solver_reference_);
            if (p.surrogate_) surrogate_ = p.surrogate_->workspace(p.offset_of(chains));
            refer(reference);
        }

        // Sees the white noise of another reference from now on.
        void refer(const Reference* reference) {
            reference_ = reference;
            if (!reference_) return;
            xi_ = zeros(p_.white());
            space_ = reference_->workspace();
        }
        // Takes the model for G + B from now on, with what is known of B; null takes it for exact.
        void correct(const ErrorModel* error) {
            error_ = error;
            data_ = p_.data_of(chains_);
            if (!error_) return;
            data_.colwise() -= error_->mean().array();
            residual_ = zeros(data_.rows());
            along_ = error_->workspace();
        }

        // Of the model's solver, in the last solve of the last call.
        Lanes iterations() const { return model_->iterations(); }

        // theta = T(xi(z)); valid until the next call.
        const Block& theta(const Block& z) {
            prior_->push(white(z), theta_);
            return theta_;
        }
        // Psi(z), which is Phi(z) without a reference.
        Lanes phi(const Block& z) {
            predict(z);
            Lanes sum = Lanes::Zero();
            for (Index i = 0; i < y_.rows(); ++i)
                sum += p_.precision_[i] * (y_.row(i) - data_.row(i)).square();
            if (error_) {
                for_rows(y_.rows(), [&](Index i) { residual_.row(i) = y_.row(i) - data_.row(i); });
                sum -= error_->explained(residual_, along_);
            }
            Lanes value = 0.5 * sum;
            if (p_.surrogate_) value = p_.surrogate_->value(value, surrogate_);
            if (!reference_) return value;
            return value + excess(xi_, z);
        }
        // G(T(xi(z))) of the last phi without a gradient.
        const Block& predictions() const { return y_; }
        // Only the predictions at z.
        const Block& predict(const Block& z) {
            const Block& xi = white(z);
            prior_->push(p_.surrogate_ ? p_.surrogate_->inside(xi, surrogate_) : xi, theta_);
            model_->forward(theta_, y_);
            return y_;
        }
        // grad Psi(z) = C^{1/2} (grad Phi(xi) + xi) - z.
        Lanes phi(const Block& z, Block& gradient) {
            const Lanes value = phi(z);
            for (Index i = 0; i < y_.rows(); ++i)
                y_.row(i) = p_.precision_[i] * (y_.row(i) - data_.row(i));
            if (error_) error_->subtract_explained(along_, y_);
            model_->pull(y_, dtheta_);
            prior_->pull(dtheta_, gradient);
            if (p_.surrogate_) p_.surrogate_->gradient(gradient, surrogate_);
            if (!reference_) return value;
            gradient += xi_;
            reference_->pull(gradient, space_);
            gradient -= z;
            return value;
        }
        // Phi(xi(z)) where psi = Psi(z) is known.
        Lanes misfit(const Block& z, const Lanes& psi) {
            return reference_ ? Lanes(psi - excess(white(z), z)) : psi;
        }
        // The prior's white noise at z; valid until the next call.
        const Block& white(const Block& z) {
            if (!reference_) return z;
            reference_->push(z, xi_, space_);
            return xi_;
        }
        // xi <- z(xi).
        void to_reference(Block& xi) {
            if (reference_) reference_->invert(xi, space_);
        }
        // out = T' G' Sigma^{-1} G' T dxi, at the point of the last phi; without a reference.
        void gauss_newton(const Block& dxi, Block& out) {
            prior_->tangent(dxi, dtheta_);
            model_->push(dtheta_, y_);
            y_.colwise() *= p_.precision_.array();
            model_->pull(y_, dtheta_);
            prior_->pull(dtheta_, out);
            if (p_.surrogate_) p_.surrogate_->gauss_newton(dxi, out, surrogate_);
        }

    private:
        const Potential& p_;
        Chains chains_;
        const Reference* reference_ = nullptr;
        const ErrorModel* error_ = nullptr;
        std::unique_ptr<AnyModel::Work> model_;
        std::unique_ptr<AnyPrior::Work> prior_;
        Block theta_, dtheta_, y_, data_, xi_, residual_, along_;
        Reference::Workspace space_;
        Surrogate::Workspace surrogate_;
    };

private:
    Block data_of(Chains chains) const {
        Block out(data_.cols(), kLanes);
        const Index last = std::min(chains.first + chains.count, data_.rows()) - 1;
        for (Index lane = 0; lane < kLanes; ++lane)  // idle lanes repeat the last chain
            out.col(lane) = data_.row(std::min(chains.first + lane, last)).transpose().array();
        return out;
    }

    Lanes offset_of(Chains chains) const {
        Lanes out;
        for (Index lane = 0; lane < kLanes; ++lane)
            out[lane] = offset_[std::min(chains.first + lane, offset_.size() - 1)];
        return out;
    }
    // Phi at the surrogate's centre, for each row of data.
    void evaluate_centre(AnyPrior::Work& prior_work, Block& theta) {
        require(surrogate_->white() == white(), "centre must have ", white(), " entries, got ",
                surrogate_->white());
        const Block xi = surrogate_->centre().array().replicate(1, kLanes);
        Block y = Block::Zero(data_.cols(), kLanes);
        prior_work.push(xi, theta);
        const auto work = model_.work({0, 1});
        if (solver_reference_) work->refer(solver_reference_);
        work->forward(theta, y);
        const Matrix misfit = data_.rowwise() - y.col(0).matrix().transpose();
        offset_ = 0.5 * misfit.array().square().matrix() * precision_;
        require(offset_.allFinite(), "the potential is not finite at the centre: the solve failed");
    }

    AnyModel model_;
    AnyPrior prior_;
    Matrix data_;
    std::shared_ptr<const Surrogate> surrogate_;
    Vector offset_;
    Vector precision_;
    // What the model's solver shares among chains, at the prior's mean; null if it shares nothing.
    SharedReferenceState solver_reference_;
};

}  // namespace m4dl
