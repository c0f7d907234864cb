use crate::error::Error;
use crate::token::Token;
use std::path::Path;

/// What a token permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// To look at a run.
    View,
    /// To look at a run and to control it.
    Control,
}

/// A program's tokens: one for people who look, for example with a dashboard that keeps it, and one for people who control.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    view: Option<Token>,
    control: Option<Token>,
}

impl Tokens {
    /// The given tokens.
    #[must_use]
    pub fn new(view: Option<Token>, control: Option<Token>) -> Self {
        Self { view, control }
    }

    /// The token to look, of `view` or `STENTOR_TOKEN`, and the one to control, of `control` or `STENTOR_ADMIN_TOKEN`.
    ///
    /// # Errors
    /// As [`Token::from_settings`]; also [`Error::Token`] if both are the same.
    pub fn from_environment(view: Option<&Path>, control: Option<&Path>) -> Result<Self, Error> {
        let tokens =
            Self::new(Token::from_environment(view)?, Token::from_variable(control, "STENTOR_ADMIN_TOKEN")?);
        if tokens.view.is_some() && tokens.view == tokens.control {
            let place = "the tokens to look and to control".to_owned();
            return Err(Error::Token { place, found: "the same one twice".to_owned() });
        }
        Ok(tokens)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.view.is_none() && self.control.is_none()
    }

    /// What the token in the value of an `Authorization` header permits; `None`: it is neither.
    #[must_use]
    pub fn right(&self, header: &str) -> Option<Right> {
        let matches =
            |token: &Option<Token>| token.as_ref().is_some_and(|token| token.matches_bearer(header));
        // Both are compared, so that the time does not tell which one is closer.
        let (view, control) = (matches(&self.view), matches(&self.control));
        if control { Some(Right::Control) } else { view.then_some(Right::View) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_has_its_own_right_and_others_have_none() {
        let token = |text| Token::from_settings(None, Some(text)).unwrap().unwrap();
        let (view, control) = (token("for-those-who-look"), token("for-those-who-act"));
        let tokens = Tokens::new(Some(view.clone()), Some(control.clone()));
        assert_eq!(tokens.right(&view.bearer()), Some(Right::View));
        assert_eq!(tokens.right(&control.bearer()), Some(Right::Control));
        assert_eq!(tokens.right(&token("for-nobody-at-all").bearer()), None);
        assert!(Right::Control > Right::View);
        let only = Tokens::new(Some(view), None);
        assert!(!only.is_empty() && only.right(&control.bearer()).is_none());
        assert!(Tokens::default().is_empty());
    }
}
